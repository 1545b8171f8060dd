// Cuts the next batch out of the access log: whole lines, all that are there up to a limit, named by all that makes it what
// it is. So batches grow with the load, and what waited while nobody took it goes in few of them.
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { hashOf, LOG_BATCH_BYTES_MAX } from "../contract.ts";
import { type LogFile, readRange } from "./files.ts";
import type { Batch, Position } from "./position.ts";

/** What ClickHouse stores at a time costs it half per line of what 8 MiB do. */
export const BATCH_BYTES_MAX = LOG_BATCH_BYTES_MAX;
/** A rotated file that was not written for so long gets no more lines: every worker has opened the new one. */
export const SETTLED_AFTER_MS = 60_000;
const LINE_FEED = 0x0a;

export type Next =
  | { readonly kind: "batch"; readonly batch: Batch; readonly bytes: Buffer }
  /** Bytes that are no line and become none: a line without an end. */
  | { readonly kind: "skip"; readonly inode: string; readonly end: number }
  | { readonly kind: "nothing" };

/** Oldest file first. */
export async function nextBatch(
  files: readonly LogFile[],
  position: Position,
  { bytesMax, nowMs }: { bytesMax: number; nowMs: number },
): Promise<Next> {
  for (const file of files) {
    const start = sentOf(file, position);
    if (file.bytes <= start) continue;
    const bytes = await readRange(file.path, start, Math.min(file.bytes, start + bytesMax));
    const length = bytes.lastIndexOf(LINE_FEED) + 1;
    if (length > 0) return batchOf(file.inode, start, bytes.subarray(0, length));
    const isEndless = bytes.length === bytesMax || (!file.isCurrent && nowMs - file.changedAtMs > SETTLED_AFTER_MS);
    if (isEndless) return { kind: "skip", inode: file.inode, end: start + bytes.length };
  }
  return { kind: "nothing" };
}

/** A file that is shorter than what was sent of it is another file by the same inode. */
export function sentOf(file: LogFile, position: Position): number {
  const sent = position.files[file.inode] ?? 0;
  return sent > file.bytes ? 0 : sent;
}

function batchOf(inode: string, start: number, bytes: Buffer): Next {
  return { kind: "batch", batch: { inode, start, end: start + bytes.length, sha256: hashOf(bytes) }, bytes };
}

/** The same bytes of the same place of the same edge have the same name, whoever sends them and when. */
export function batchId(edgeId: string, { inode, start, end }: Batch, bytes: Buffer): string {
  return createHash("sha256").update(`${edgeId}\n${inode}\n${start}\n${end}\n`).update(bytes).digest("hex");
}

export function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (const byte of bytes) if (byte === LINE_FEED) lines += 1;
  return lines;
}

/** Half of what the usual 6 costs, for a tenth more bytes: measured on 12,000 lines of a mixed site. */
const GZIP_LEVEL = 3;

export async function compress(lines: Buffer): Promise<Buffer> {
  return await promisify(gzip)(lines, { level: GZIP_LEVEL });
}
