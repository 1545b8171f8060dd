// Origin addresses on the disk: state/addresses tells an nginx that starts while no agent and no DNS answers. One line per
// change, `<host:port> <address> …`, none after the origin = none; the last line of an origin counts. A change costs its
// own lines, however many origins there are; what is mostly history is written anew.
import { open, truncate } from "node:fs/promises";
import { join } from "node:path";
import { findFile, writeDurably } from "../durable-file.ts";
import type { Pins } from "./document.ts";
import type { OriginAddresses } from "./origin-addresses.ts";

/** Shorter files are not worth the writing. */
const SHORT_BYTES = 64 * 1024;

const MODE = 0o644;

const pathIn = (home: string) => join(home, "state", "addresses");

export interface PinsFile {
  /** Appends what changed; on disk when it returns. */
  write(): Promise<void>;
  /** Does nothing unless the file is more than twice what it was when it was last written anew. */
  shorten(): Promise<void>;
}

export interface PinsOnDisk {
  readonly pins: Pins;
  readonly bytes: number;
  /** What the file would measure without its history. */
  readonly liveBytes: number;
}

/** Cuts off a last line that a crash tore. */
export async function readPins(home: string): Promise<PinsOnDisk> {
  const content = (await findFile(pathIn(home))) ?? "";
  const whole = content.slice(0, content.lastIndexOf("\n") + 1);
  if (whole !== content) await truncate(pathIn(home), Buffer.byteLength(whole));
  const last = new Map<string, readonly string[]>();
  for (const line of whole.split("\n")) {
    const [origin = "", ...addresses] = line.split(" ");
    if (addresses.length > 0) last.set(origin, addresses);
    else last.delete(origin);
  }
  const pins = Object.fromEntries(last);
  return { pins, bytes: Buffer.byteLength(whole), liveBytes: Buffer.byteLength(linesOf(pins)) };
}

export function openPinsFile(
  home: string,
  found: PinsOnDisk,
  origins: Pick<OriginAddresses, "save" | "all">,
): PinsFile {
  let { bytes, liveBytes } = found;
  let writing: Promise<void> = Promise.resolve();

  async function append(pins: Pins): Promise<void> {
    const lines = Buffer.from(linesOf(pins));
    if (bytes === 0) await writeDurably(pathIn(home), lines, MODE);
    else await appendDurably(pathIn(home), lines, bytes);
    bytes += lines.length;
  }

  async function shortenNow(): Promise<void> {
    if (bytes <= Math.max(SHORT_BYTES, 2 * liveBytes)) return;
    const lines = Buffer.from(linesOf(origins.all()));
    await writeDurably(pathIn(home), lines, MODE);
    bytes = lines.length;
    liveBytes = bytes;
  }

  function inTurn(work: () => Promise<void>): Promise<void> {
    const next = writing.then(work);
    writing = next.catch(() => {});
    return next;
  }

  return { write: () => inTurn(() => origins.save(append)), shorten: () => inTurn(shortenNow) };
}

function linesOf(pins: Pins): string {
  return Object.entries(pins)
    .map(([origin, addresses]) => `${[origin, ...addresses].join(" ")}\n`)
    .join("");
}

/** What could not be written whole is taken back: the next line must begin a line. */
async function appendDurably(path: string, lines: Buffer, bytesBefore: number): Promise<void> {
  const file = await open(path, "a", MODE);
  try {
    await file.appendFile(lines);
    await file.datasync();
  } catch (error) {
    await file.truncate(bytesBefore);
    throw error;
  } finally {
    await file.close();
  }
}
