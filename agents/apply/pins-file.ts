// Origin addresses on the disk: state/addresses.json tells an nginx that starts while no agent and no DNS answers.
import { join } from "node:path";
import { z } from "zod";
import { findFile, writeDurably } from "../durable-file.ts";
import { type Pins, parseJson } from "./document.ts";
import type { OriginAddresses } from "./origin-addresses.ts";

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
