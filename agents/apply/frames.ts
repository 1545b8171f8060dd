// Reads the frames of contract.ts from bytes, however they are cut: journal, checkpoint file and download alike.
import { type CheckpointHead, type FeedRecord, recordKinds } from "../contract.ts";

/** A record with its bytes as they lay on the wire: hashes are over bytes, so nothing is decoded and encoded again. */
export interface Frame {
  readonly type: "record";
  readonly record: Omit<FeedRecord, "body">;
  readonly line: string;
  readonly body: Buffer;
  /** Where the frame ends, counted from the first byte that was given to the reader. */
  readonly end: number;
}

export interface CheckpointStart {
  readonly type: "checkpoint";
  readonly head: CheckpointHead;
  readonly line: string;
  readonly end: number;
}

export class FrameError extends Error {
  override readonly name = "FrameError";
}

export interface FrameReader {
  /** The frames that are whole now; throws FrameError where the bytes are no frame. */
  push(chunk: Buffer): (Frame | CheckpointStart)[];
  /** How many bytes wait for the rest of their frame. */
  pendingBytes(): number;
}

const LINE_BYTES_MAX = 1024;
/** A structure of an edge group is the largest thing that a feed carries. */
const BODY_BYTES_MAX = 4 * 1024 * 1024;
const LINE_FEED = 0x0a;

const recordLine = /^record ([a-z]+) ([0-9a-f-]{36}) (\d{1,15}) (put|del) ([0-9a-f]{64}) (\d{1,9}) (\S{1,200})$/;
const checkpointLine = /^checkpoint ([0-9a-f-]{36}) ([0-9a-f-]{36}) (\d{1,15}) (\d{1,9}) ([0-9a-f]{64}) (\S{1,200})$/;

export function createFrameReader(): FrameReader {
  let held: Buffer = Buffer.alloc(0);
  let consumed = 0;

  function takeOne(at: number): { item: Frame | CheckpointStart; next: number } | undefined {
    const lineEnd = held.indexOf(LINE_FEED, at);
    if (lineEnd === -1) {
      if (held.length - at > LINE_BYTES_MAX) throw new FrameError("a header line has no end");
      return undefined;
    }
    const line = held.toString("latin1", at, lineEnd);
    const head = parseCheckpointLine(line);
    if (head !== undefined) {
      const next = lineEnd + 1;
      return { item: { type: "checkpoint", head, line: `${line}\n`, end: consumed + next }, next };
    }
    const { record, bytes } = parseRecordLine(line);
    const bodyEnd = lineEnd + 1 + bytes;
    if (held.length < bodyEnd + 1) return undefined;
    if (held[bodyEnd] !== LINE_FEED) throw new FrameError(`record ${record.rev} is longer than its header says`);
    const body = held.subarray(lineEnd + 1, bodyEnd);
    return {
      item: { type: "record", record, line: `${line}\n`, body, end: consumed + bodyEnd + 1 },
      next: bodyEnd + 1,
    };
  }

  return {
    push: (chunk) => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const items: (Frame | CheckpointStart)[] = [];
      let at = 0;
      for (let taken = takeOne(at); taken !== undefined; taken = takeOne(at)) {
        items.push(taken.item);
        at = taken.next;
      }
      consumed += at;
      held = held.subarray(at);
      return items;
    },
    pendingBytes: () => held.length,
  };
}

function parseRecordLine(line: string): { record: Omit<FeedRecord, "body">; bytes: number } {
  const [, kindText, id = "", rev = "", op, hash = "", length = "", signature = ""] = recordLine.exec(line) ?? [];
  const kind = recordKinds.find((known) => known === kindText);
  if (kind === undefined || op === undefined) throw new FrameError("a header line is not one of a record");
  const bytes = Number(length);
  if (bytes > BODY_BYTES_MAX) throw new FrameError(`record ${rev} has ${bytes} bytes, more than ${BODY_BYTES_MAX}`);
  return { record: { kind, id, rev: Number(rev), op: op === "put" ? "put" : "del", hash, signature }, bytes };
}

function parseCheckpointLine(line: string): CheckpointHead | undefined {
  const [, feedId, scope = "", rev = "", count = "", digest = "", signature = ""] = checkpointLine.exec(line) ?? [];
  if (feedId === undefined) return undefined;
  return { feedId, scope, rev: Number(rev), count: Number(count), digest, signature };
}
