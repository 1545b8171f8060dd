// The salts that make visitors nameless, of the days that lines may be of: from the control plane, on the disk for a week
// ahead, so that an edge that writes to ClickHouse itself goes on while the control plane is away.
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Logger } from "../../platform/log.ts";
import { parseJson } from "../apply/document.ts";
import type { LogSaltsReply } from "../contract.ts";
import { findFile, writeDurably } from "../durable-file.ts";

export interface Salts {
  of(day: string): Buffer | undefined;
  /** Asks the control plane for those from this day on. */
  fetch(from: string, signal: AbortSignal): Promise<void>;
  /** Keeps those of the coming days on the disk, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

const DAY_MS = 24 * 3600 * 1000;
/** With a salt and the rows of its day, addresses could be guessed: this disk holds few of them. */
const DAYS_KEPT = 7;
const DAYS_AHEAD = 6;
const LOOK_EVERY_MS = 10 * 60 * 1000;
const AGAIN_AFTER_MS = 10_000;

const fileSchema = z.object({ salts: z.record(z.string(), z.base64()) });

export async function openSalts({
  path,
  ask,
  clock,
  log,
}: {
  path: string;
  ask: (from: string, signal: AbortSignal) => Promise<LogSaltsReply>;
  clock: () => Date;
  log: Logger;
}): Promise<Salts> {
  const onDisk = fileSchema.safeParse(parseJson((await findFile(path)) ?? ""));
  const known = new Map(Object.entries(onDisk.data?.salts ?? {}));
  const dayIn = (days: number) => new Date(clock().getTime() + days * DAY_MS).toISOString().slice(0, 10);

  async function fetch(from: string, signal: AbortSignal): Promise<void> {
    const { salts } = await ask(from, signal);
    for (const { day, salt } of salts) known.set(day, salt);
    const kept = [...known].filter(([day]) => day >= dayIn(-DAYS_KEPT));
    await writeDurably(path, JSON.stringify({ salts: Object.fromEntries(kept) }), 0o600);
  }

  async function look(signal: AbortSignal): Promise<number> {
    try {
      if (!known.has(dayIn(DAYS_AHEAD)) || !known.has(dayIn(0))) await fetch(dayIn(-1), signal);
      return LOOK_EVERY_MS;
    } catch (error) {
      if (!signal.aborted) log.warn({ error }, "the salts of the coming days could not be had");
      return AGAIN_AFTER_MS;
    }
  }

  return {
    of: (day) => {
      const salt = known.get(day);
      return salt === undefined ? undefined : Buffer.from(salt, "base64");
    },
    fetch,
    run: async (signal) => {
      while (!signal.aborted) await delay(await look(signal), undefined, { signal }).catch(() => {});
    },
  };
}
