// Sends the access log to where it is stored, each line once: one batch in flight, its place on disk before it leaves, the
// same bytes again until it is acknowledged.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../platform/log.ts";
import { createBackOff } from "../back-off.ts";
import { hashOf, type LogStanding } from "../contract.ts";
import { writeDurably } from "../durable-file.ts";
import { BATCH_BYTES_MAX, batchId, linesIn, type Next, nextBatch, SETTLED_AFTER_MS, sentOf } from "./batch.ts";
import type { LogDestination } from "./destination.ts";
import { type LogFile, listLogFiles, readRange, removeLogFile, rotate } from "./files.ts";
import {
  findTooMuch,
  LINE_BYTES_MAX,
  type Room,
  timeOf,
  unsentOf,
  withoutBatch,
  withoutFile,
  withoutFiles,
} from "./give-up.ts";
import { type Batch, type Loss, openPositionFile, type Position } from "./position.ts";

export interface Shipping extends Room {
  readonly edgeId: () => string;
  readonly rotateBytes: number;
  readonly destination: LogDestination;
  /** Makes nginx open its log files anew. */
  readonly reopen: () => void;
  readonly counts: ShippingCounts;
  readonly log: Logger;
  /** Default: an agent's. */
  readonly pauses?: Pauses;
}

interface Pauses {
  /** When all was sent. */
  readonly lookEveryMs: number;
  /** When it was not taken; longer and longer. */
  readonly againAfterMs: number;
}

/** What is told of the sending; the sending writes it. */
export interface ShippingCounts {
  batches: number;
  lostLines: number;
  losses: readonly Loss[];
  /** Losses up to this time have arrived with a report; the reporter writes it. */
  toldUntilMs: number;
  pendingBytes: number;
  /** When the oldest line was written that is not sent, in unix milliseconds. */
  oldestMs: number | null;
}

export function noShippingCounts(): ShippingCounts {
  return { batches: 0, lostLines: 0, losses: [], toldUntilMs: 0, pendingBytes: 0, oldestMs: null };
}

/** What waits for no longer than this is on its way. */
const BEHIND_AFTER_MS = 10_000;

/** What the control plane is told. */
export function standingOfLogs(counts: ShippingCounts, nowMs: number): LogStanding {
  const { oldestMs, pendingBytes, lostLines, losses } = counts;
  const isBehind = oldestMs !== null && nowMs - oldestMs > BEHIND_AFTER_MS;
  return {
    behind_since: isBehind ? oldestMs : null,
    unsent_bytes: pendingBytes,
    lost_lines: lostLines,
    losses: [...losses],
  };
}

export const AGENT_PAUSES: Pauses = { lookEveryMs: 1_000, againAfterMs: 500 };
/** A batch that is refused for what it is gets so many tries; then it is set aside, or nothing behind it would ever arrive. */
const TRIES_WHEN_REFUSED = 5;
const SET_ASIDE_MAX = 20;
/** Longer than any line. */
const BATCH_BYTES_MIN = 512 * 1024;

/** Runs until the signal aborts. */
export async function shipLogs(shipping: Shipping, signal: AbortSignal): Promise<void> {
  const pauses = shipping.pauses ?? AGENT_PAUSES;
  const file = await openPositionFile(join(shipping.folder, "shipped.json"));
  const backOff = createBackOff({ firstMs: pauses.againAfterMs, maxMs: 30_000 });
  let position = file.found;
  let onDisk = JSON.stringify(position);
  // What an earlier run left unanswered may have arrived.
  let tries = position.pending === null ? 0 : 1;
  let bytesMax = BATCH_BYTES_MAX;
  // What goes out as it comes needs no room.
  let isStuck = false;

  async function save(next: Position): Promise<void> {
    position = next;
    const text = JSON.stringify(next);
    if (text !== onDisk) await file.write(next);
    onDisk = text;
  }

  async function remove(forgotten: Position): Promise<void> {
    // Where a file system copies what it writes, nothing can be noted on a full disk before there is room.
    await save(forgotten).catch(() => {});
    for (const name of forgotten.removing) await removeLogFile(shipping.folder, name);
    await save({ ...forgotten, removing: [] });
  }

  async function oneRound(): Promise<Outcome> {
    if (position.removing.length > 0) await remove(position);
    const files = await rotated(shipping);
    position = upToDate(position, files, shipping.counts);
    const left = await giveUpOldest(shipping, files, { position, isStuck, remove });
    if (position.pending === null) tries = 0;
    const next = await takeUp(left, position, bytesMax);
    tell(shipping.counts, { files: left, position, next });
    if (next.kind === "nothing") {
      const done = left.filter((file) => isDone(file, position));
      await (done.length > 0 ? remove(withoutFiles(done, position)) : save(position));
      return "idle";
    }
    if (next.kind === "skip") {
      shipping.log.warn(
        { inode: next.inode, end: next.end },
        "the access log has a line without an end: it is left out",
      );
      await save({ ...position, files: { ...position.files, [next.inode]: next.end } });
      return "more";
    }
    if (next.kind === "gone") {
      shipping.log.error({ batch: next.batch }, "an access-log batch is gone from the disk; it may have arrived");
    } else {
      await save({ ...position, pending: next.batch });
      tries += 1;
      const delivered = await deliver(shipping, next, tries, signal);
      if (delivered === "not taken") return "not taken";
      if (delivered === "too large") {
        bytesMax = Math.max(BATCH_BYTES_MIN, Math.floor(next.bytes.length / 2));
        // Under other names it could be stored twice: what may have arrived stays what it is, and what follows is smaller.
        if (tries > 1) return "not taken";
        await save({ ...position, pending: null });
        tries = 0;
        return "more";
      }
      if (delivered === "stored") shipping.counts.batches += 1;
      else position = withoutBatch(next.bytes, delivered.setAside, position, Date.now());
    }
    // On disk with the next batch, or when there is none.
    position = doneWith(position, next.batch);
    tries = 0;
    return "more";
  }

  while (!signal.aborted) {
    try {
      const outcome = await oneRound();
      isStuck = outcome === "not taken";
      if (isStuck) {
        await backOff.wait(signal);
        continue;
      }
      backOff.reset();
      if (outcome === "idle") await delay(pauses.lookEveryMs, undefined, { signal });
    } catch (error) {
      if (signal.aborted) return;
      isStuck = true;
      shipping.log.error({ error }, "the access log cannot be read or noted down");
      await backOff.wait(signal).catch(() => {});
    }
  }
}

type Outcome = "more" | "idle" | "not taken";

/** What was begun goes on before anything new. */
async function takeUp(
  files: readonly LogFile[],
  position: Position,
  bytesMax: number,
): Promise<Next | { kind: "gone"; batch: Batch }> {
  if (position.pending === null) return await nextBatch(files, position, { bytesMax, nowMs: Date.now() });
  const batch = position.pending;
  const bytes = await findBytes(files, batch);
  return bytes === undefined ? { kind: "gone", batch } : { kind: "batch", batch, bytes };
}

function tell(
  counts: ShippingCounts,
  {
    files,
    position,
    next,
  }: { files: readonly LogFile[]; position: Position; next: Awaited<ReturnType<typeof takeUp>> },
): void {
  counts.pendingBytes = unsentOf(files, position);
  counts.lostLines = position.lost_lines;
  counts.losses = position.losses;
  counts.oldestMs = next.kind === "batch" ? (timeOf(next.bytes.subarray(0, LINE_BYTES_MAX), "first") ?? null) : null;
}

async function rotated({ folder, rotateBytes, reopen }: Shipping): Promise<LogFile[]> {
  const files = await listLogFiles(folder);
  const current = files.find(({ isCurrent }) => isCurrent);
  if (current === undefined || current.bytes <= rotateBytes) return files;
  await rotate(folder, Date.now());
  reopen();
  return await listLogFiles(folder);
}

async function giveUpOldest(
  shipping: Shipping,
  files: LogFile[],
  state: { position: Position; isStuck: boolean; remove: (forgotten: Position) => Promise<void> },
): Promise<readonly LogFile[]> {
  const { position } = state;
  const tooMuch = await findTooMuch(shipping, files, { ...state, nowMs: Date.now() });
  if (tooMuch === undefined) return files;
  if (tooMuch === "rotate") {
    await rotate(shipping.folder, Date.now());
    shipping.reopen();
    return await listLogFiles(shipping.folder);
  }
  const next = await withoutFile(tooMuch, position, Date.now());
  await state.remove(next);
  shipping.log.error(
    { lines: next.lost_lines - position.lost_lines, lost_lines: next.lost_lines },
    `access-log lines were given up: ${shipping.destination.name} did not take them for too long`,
  );
  return files.filter((file) => file !== tooMuch);
}

async function findBytes(files: readonly LogFile[], batch: Batch): Promise<Buffer | undefined> {
  const file = files.find(({ inode }) => inode === batch.inode);
  if (file === undefined || file.bytes < batch.end) return undefined;
  const bytes = await readRange(file.path, batch.start, batch.end);
  return hashOf(bytes) === batch.sha256 ? bytes : undefined;
}

function doneWith(position: Position, { inode, end }: Batch): Position {
  return { ...position, files: { ...position.files, [inode]: end }, pending: null };
}

type Delivered = "stored" | "not taken" | "too large" | { readonly setAside: number };

async function deliver(
  shipping: Shipping,
  { batch, bytes }: { batch: Batch; bytes: Buffer },
  tries: number,
  signal: AbortSignal,
): Promise<Delivered> {
  const edgeId = shipping.edgeId();
  const id = batchId(edgeId, batch, bytes);
  const { destination } = shipping;
  try {
    await destination.send({ id, edgeId, body: bytes, isRetry: tries > 1 }, signal);
    return "stored";
  } catch (error) {
    if (signal.aborted) throw error;
    if (tries === 1)
      shipping.log.warn({ error }, `${destination.name} does not take the access log for now; it waits on the disk`);
    const isTooLarge = destination.isTooLarge(error) && bytes.length > BATCH_BYTES_MIN;
    if (isTooLarge && tries < TRIES_WHEN_REFUSED) return "too large";
    if (tries < TRIES_WHEN_REFUSED || !destination.isFinal(error)) return "not taken";
    return { setAside: await setAside(shipping, id, bytes, error) };
  }
}

async function setAside(
  { folder, log, destination }: Shipping,
  id: string,
  bytes: Buffer,
  error: unknown,
): Promise<number> {
  const lines = linesIn(bytes);
  const others = (await readdir(folder)).filter((name) => name.startsWith("set-aside."));
  log.error({ error, lines, id }, `${destination.name} refuses an access-log batch for good: it is set aside`);
  if (others.length < SET_ASIDE_MAX) {
    // It is kept for people to look at: a disk without room for that holds up nothing behind it.
    await writeDurably(join(folder, `set-aside.${id}`), bytes).catch((failure: unknown) => {
      log.error({ error: failure, id }, "an access-log batch cannot be set aside: it is left out");
    });
  }
  return lines;
}

/** Of what is there alone: a file that is gone, or shorter than what was sent of it, has left its inode to another. */
function upToDate(position: Position, files: readonly LogFile[], { toldUntilMs }: ShippingCounts): Position {
  return {
    ...position,
    files: Object.fromEntries(files.map((file) => [file.inode, sentOf(file, position)])),
    told_until: Math.max(position.told_until, toldUntilMs),
  };
}

/** Wholly sent and settled. */
function isDone(file: LogFile, position: Position): boolean {
  const isSettled = Date.now() - file.changedAtMs > SETTLED_AFTER_MS;
  return !file.isCurrent && isSettled && sentOf(file, position) === file.bytes;
}
