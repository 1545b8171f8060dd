// The journal: frames appended since the checkpoint, each signed, each on disk before anybody hears of it.
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { type FeedRecord, frame } from "../contract.ts";
import { createFrameReader, type Frame, FrameError } from "./frames.ts";
import { type Feed, type FeedKeys, findFrameFault } from "./verify.ts";

export interface Journal {
  /** Returns when the records are on disk. What could not be written whole is taken back. */
  append(records: readonly FeedRecord[]): Promise<void>;
  /** Forgets what was appended after the journal had this size. */
  cutTo(size: JournalSize): Promise<void>;
  size(): JournalSize;
  close(): Promise<void>;
}

export interface JournalSize {
  readonly records: number;
  readonly bytes: number;
}

export async function openJournal(path: string, size: JournalSize): Promise<Journal> {
  const file = await open(path, "a+", 0o600);
  let now = size;

  async function cutTo(wanted: JournalSize): Promise<void> {
    await file.truncate(wanted.bytes);
    await file.datasync();
    now = wanted;
  }

  async function append(records: readonly FeedRecord[]): Promise<void> {
    const bytes = Buffer.from(records.map(frame).join(""));
    try {
      await file.appendFile(bytes);
      await file.datasync();
    } catch (error) {
      await cutTo(now);
      throw new Error("the journal could not be written", { cause: error });
    }
    now = { records: now.records + records.length, bytes: now.bytes + bytes.length };
  }

  return { append, cutTo, size: () => now, close: () => file.close() };
}

/**
 * Reads the whole journal and cuts off what a crash left behind: a torn frame, or one that does not prove itself. The
 * feed sends everything after the cut again.
 */
export async function healJournal(
  path: string,
  trusted: { feed: Feed; keys: FeedKeys; after: number },
  visit: (frame: Frame) => void,
): Promise<JournalSize & { readonly cutBytes: number }> {
  const file = await open(path, "a+", 0o600);
  try {
    const good = await readGoodFrames(path, trusted, visit);
    const { size } = await file.stat();
    if (size > good.bytes) {
      await file.truncate(good.bytes);
      await file.datasync();
    }
    return { ...good, cutBytes: size - good.bytes };
  } finally {
    await file.close();
  }
}

async function readGoodFrames(
  path: string,
  trusted: { feed: Feed; keys: FeedKeys; after: number },
  visit: (frame: Frame) => void,
): Promise<JournalSize> {
  let good: JournalSize = { records: 0, bytes: 0 };
  let last = trusted.after;
  const reader = createFrameReader();
  try {
    for await (const chunk of createReadStream(path)) {
      for (const item of reader.push(chunk)) {
        if (item.type !== "record" || item.record.rev <= last) return good;
        if (findFrameFault(item, trusted.feed, trusted.keys) !== undefined) return good;
        visit(item);
        last = item.record.rev;
        good = { records: good.records + 1, bytes: item.end };
      }
    }
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
  }
  return good;
}
