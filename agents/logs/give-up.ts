// What is given up when lines wait for too long: the oldest unsent file, for a full disk would end the serving too. Each loss
// is counted, with the time that its lines are of.
import { createReadStream } from "node:fs";
import { statfs } from "node:fs/promises";
import { parseJson } from "../apply/document.ts";
import { LOG_LOSSES_MAX } from "../contract.ts";
import { linesIn, sentOf } from "./batch.ts";
import { type LogFile, readRange } from "./files.ts";
import type { Loss, Position } from "./position.ts";

export interface Room {
  /** Where nginx writes access.log. */
  readonly folder: string;
  /** Above this, unsent lines are given up. */
  readonly unsentBytesMax: number;
  /** Below this, too, whoever has filled the disk, while nobody takes them. */
  readonly diskFreeBytesMin: number;
}

/** nginx writes to a file that was renamed until it has opened the new one. */
const LET_GO_AFTER_MS = 2_000;

/** `isStuck`: nobody takes the lines now. The file to give up; `rotate`: only the one that nginx writes is left; undefined: there is room. */
export async function findTooMuch(
  room: Room,
  files: readonly LogFile[],
  { position, isStuck, nowMs }: { position: Position; isStuck: boolean; nowMs: number },
): Promise<LogFile | "rotate" | undefined> {
  const waiting = files.filter((file) => file.bytes > sentOf(file, position));
  const isTooMuch = unsentOf(files, position) > room.unsentBytesMax;
  if (waiting.length === 0 || (!isTooMuch && !(isStuck && (await isDiskShort(room))))) return undefined;
  const [oldest] = waiting.filter((file) => !file.isCurrent);
  if (oldest === undefined) return isTooMuch ? undefined : "rotate";
  return nowMs - oldest.changedAtMs > LET_GO_AFTER_MS ? oldest : undefined;
}

async function isDiskShort({ folder, diskFreeBytesMin }: Room): Promise<boolean> {
  const { bsize, bavail } = await statfs(folder);
  return bavail * bsize < diskFreeBytesMin;
}

export function unsentOf(files: readonly LogFile[], position: Position): number {
  return files.reduce((sum, file) => sum + file.bytes - sentOf(file, position), 0);
}

/**
 * The position that forgets these files before they are removed: another file may have their inodes at once, and would
 * count as sent. Whoever is killed in between knows by `removing` what is left to do.
 */
export function withoutFiles(gone: readonly LogFile[], position: Position): Position {
  const inodes = new Set(gone.map(({ inode }) => inode));
  const files = Object.fromEntries(Object.entries(position.files).filter(([inode]) => !inodes.has(inode)));
  return { ...position, files, removing: [...position.removing, ...gone.map(({ name }) => name)] };
}

/** The position once this file is given up. */
export async function withoutFile(file: LogFile, position: Position, nowMs: number): Promise<Position> {
  const start = sentOf(file, position);
  const lines = await countLines(file.path, start);
  const from = timeOf(await readRange(file.path, start, Math.min(file.bytes, start + LINE_BYTES_MAX)), "first");
  const to = timeOf(await readRange(file.path, Math.max(start, file.bytes - LINE_BYTES_MAX), file.bytes), "last");
  const loss: Loss = { at: nowMs, from: from ?? to ?? file.changedAtMs, to: to ?? file.changedAtMs, lines };
  const pending = position.pending?.inode === file.inode ? null : position.pending;
  return withLoss({ ...withoutFiles([file], position), pending }, loss);
}

/** A batch that nobody takes is as good as gone for those who count. */
export function withoutBatch(bytes: Buffer, lines: number, position: Position, nowMs: number): Position {
  const from = timeOf(bytes.subarray(0, LINE_BYTES_MAX), "first") ?? nowMs;
  return withLoss(position, { at: nowMs, from, to: timeOf(bytes.subarray(-LINE_BYTES_MAX), "last") ?? from, lines });
}

/** The control plane knows a loss by its time, so no two have the same, also when the clock goes back. */
export function withLoss(position: Position, loss: Loss): Position {
  const at = Math.max(loss.at, (position.losses.at(-1)?.at ?? -1) + 1);
  return {
    ...position,
    lost_lines: position.lost_lines + loss.lines,
    losses: fewEnough([...position.losses, { ...loss, at }], position.told_until),
  };
}

/** What was told may go. What was not becomes coarser, oldest first, and is not forgotten. */
function fewEnough(losses: readonly Loss[], toldUntil: number): Loss[] {
  if (losses.length <= LOG_LOSSES_MAX) return [...losses];
  const [first, second, ...others] = losses;
  if (first === undefined || second === undefined) return [...losses];
  if (first.at <= toldUntil) return [second, ...others];
  const { from, to } = { from: Math.min(first.from, second.from), to: Math.max(first.to, second.to) };
  return [{ at: first.at, from, to, lines: first.lines + second.lines }, ...others];
}

/** nginx's own limits of what a request may say, in JSON. */
export const LINE_BYTES_MAX = 256 * 1024;

/** When the first or the last whole line was written, in unix milliseconds; undefined: nobody knows. */
export function timeOf(bytes: Buffer, which: "first" | "last"): number | undefined {
  const lines = bytes.toString("utf8").split("\n").slice(0, -1);
  for (const line of which === "first" ? lines : lines.reverse()) {
    const json = parseJson(line);
    const time = typeof json === "object" && json !== null && "time" in json ? Number(json.time) : Number.NaN;
    if (Number.isFinite(time) && time >= 0) return Math.round(time * 1000);
  }
  return undefined;
}

async function countLines(path: string, from: number): Promise<number> {
  let lines = 0;
  for await (const chunk of createReadStream(path, { start: from })) {
    lines += linesIn(Buffer.from(chunk));
  }
  return lines;
}
