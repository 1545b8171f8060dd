// Keeps origin addresses fresh: names are resolved anew every 30 s, and what is known lies in state/addresses.json for an
// nginx that starts while no DNS answers.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { findFile, writeDurably } from "../durable-file.ts";
import { parseJson } from "./document.ts";
import type { Edge } from "./edge.ts";
import type { Pins } from "./origin-addresses.ts";

const REFRESH_EVERY_MS = 30_000;
const WRITE_EVERY_MS = 2_000;

const pinsSchema = z.record(z.string(), z.array(z.string()));

const pinsFile = (home: string) => join(home, "state", "addresses.json");

export async function readPins(home: string): Promise<Pins> {
  const parsed = pinsSchema.safeParse(parseJson((await findFile(pinsFile(home))) ?? "{}"));
  return parsed.success ? parsed.data : {};
}

export async function writePins({ home, origins }: Pick<Edge, "home" | "origins">): Promise<void> {
  await writeDurably(pinsFile(home), JSON.stringify(origins.all()), 0o644);
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

/** Runs until the signal aborts; not at every change, for a file of all origins is long. */
export async function keepPinsOnDisk(edge: Edge, signal: AbortSignal): Promise<void> {
  let written = 0;
  while (!signal.aborted) {
    await delay(WRITE_EVERY_MS, undefined, { signal }).catch(() => {});
    const version = edge.origins.version();
    if (version === written) continue;
    try {
      await writePins(edge);
      written = version;
    } catch (error) {
      edge.log.error({ error }, "origin addresses could not be written to disk");
    }
  }
}
