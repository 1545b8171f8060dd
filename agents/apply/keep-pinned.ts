// Keeps origin addresses fresh, in nginx and on the disk: names are resolved anew every 30 s, and state/addresses.json
// tells an nginx that starts while no agent and no DNS answers.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { findFile, writeDurably } from "../durable-file.ts";
import { type Pins, parseJson } from "./document.ts";
import type { Edge } from "./edge.ts";
import type { OriginAddresses } from "./origin-addresses.ts";

const REFRESH_EVERY_MS = 30_000;
const WRITE_EVERY_MS = 2_000;
/** A file of so many origins is written with the change that brought a new one; a longer one by and by. */
const WRITTEN_AT_ONCE_MAX = 2_000;

const pinsSchema = z.record(z.string(), z.array(z.string()));

const pathIn = (home: string) => join(home, "state", "addresses.json");

export async function readPins(home: string): Promise<Pins> {
  const parsed = pinsSchema.safeParse(parseJson((await findFile(pathIn(home))) ?? "{}"));
  return parsed.success ? parsed.data : {};
}

export interface PinsFile {
  /** Does nothing when the disk has it already. */
  write(): Promise<void>;
  /** The same, but only where it takes no time. */
  writeIfShort(): Promise<void>;
}

export function openPinsFile(home: string, origins: OriginAddresses): PinsFile {
  let written = 0;
  let writing: Promise<void> = Promise.resolve();

  async function writeOnce(): Promise<void> {
    const version = origins.version();
    if (version === written) return;
    await writeDurably(pathIn(home), JSON.stringify(origins.all()), 0o644);
    written = version;
  }

  function write(): Promise<void> {
    const next = writing.then(writeOnce);
    writing = next.catch(() => {});
    return next;
  }

  return { write, writeIfShort: async () => (origins.count() <= WRITTEN_AT_ONCE_MAX ? write() : undefined) };
}

/** Runs until the signal aborts. */
export async function keepPinned(edge: Edge, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await edge.origins.refresh(signal);
    // nginx may be away: what could not be sent stays due.
    if (edge.nginx.running()) {
      await edge.origins
        .pin(edge.control.pin)
        .catch((error: unknown) => edge.log.warn({ error }, "origin addresses could not be pinned yet"));
    }
    await delay(REFRESH_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

/** Runs until the signal aborts. */
export async function keepPinsOnDisk(edge: Edge, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await delay(WRITE_EVERY_MS, undefined, { signal }).catch(() => {});
    await edge.pinsFile
      .write()
      .catch((error: unknown) => edge.log.error({ error }, "origin addresses could not be written to disk"));
  }
}
