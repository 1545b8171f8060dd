// Checkpoints: a scope's live records as one signed file in object storage, so that an edge which begins, or was away
// for long, reads one file instead of every change. Three objects per scope take turns: the newest, the one before,
// which somebody may still be reading, and the one that is written next.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { checkpointLine, checkpointSigningText, frame, headerLine } from "../../../agents/contract.ts";
import type { Logger } from "../../../platform/log.ts";
import type { ObjectStorage } from "../../../platform/object-storage/storage.ts";
import { type Database, inSnapshot, inTransaction, type Tx } from "../../database/transaction.ts";
import { isCheckpointDue } from "./rules.ts";
import type { FeedSigner } from "./signer.ts";
import {
  findFeed,
  findLiveRecords,
  findScope,
  findScopes,
  holdFeed,
  lockScope,
  pruneTombstones,
  type ScopeRow,
  updateScope,
} from "./store.ts";

const PAGE_RECORDS = 500;
const OBJECTS_PER_SCOPE = 3;
const TOMBSTONE_AGE_MIN_MS = 24 * 3_600_000;
const UPLOAD_TIMEOUT_MS = 10 * 60_000;

export interface CheckpointSettings {
  readonly db: Database;
  readonly signer: FeedSigner;
  readonly storage: ObjectStorage;
  readonly clock: () => Date;
  readonly log: Logger;
}

/** Where the checkpoint with this number lies. */
export function checkpointKey(scope: string, count: number): string {
  return `feed/${scope}/${count % OBJECTS_PER_SCOPE}`;
}

export function createCheckpointWriter({ db, signer, storage, clock, log }: CheckpointSettings) {
  /** Writes one scope's checkpoint, whether it is due or not. Several writers at once do no harm: all write the truth. */
  async function write(scope: string, signal: AbortSignal): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "edgewright-checkpoint-"));
    try {
      const path = join(folder, "records");
      const written = await inSnapshot(db, (tx) => writeRecords(tx, scope, path, signal));
      if (written === undefined) return;
      const { feedId, row, count, digest } = written;
      const unsigned = { feedId, scope, rev: row.rev, count, digest };
      const head = checkpointLine({ ...unsigned, signature: signer.sign(checkpointSigningText(unsigned)) });
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(UPLOAD_TIMEOUT_MS)]);
      await storage.put(checkpointKey(scope, row.checkpoint_count + 1), headThenFile(head, path), { signal: deadline });
      const pruned = await inTransaction(db, (tx) => publishCheckpoint(tx, feedId, row, clock()));
      log.info({ scope, rev: row.rev, records: count, pruned }, "checkpoint written");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async function writeDue(signal: AbortSignal): Promise<void> {
    if ((await findFeed(db))?.rebuilding !== false) return;
    for (const row of await findScopes(db)) {
      const { scope, rev, checkpoint_rev: checkpointRev, live_records: liveRecords } = row;
      if (isCheckpointDue({ rev, checkpointRev, liveRecords })) await write(scope, signal);
    }
  }

  return { write, writeDue };
}

/** All live records of one moment, page by page into a file: no network is waited for while the snapshot is held. */
async function writeRecords(tx: Tx, scope: string, path: string, signal: AbortSignal) {
  const feed = await findFeed(tx);
  const row = await findScope(tx, scope);
  if (feed === undefined || feed.rebuilding || row === undefined) return undefined;
  const digest = createHash("sha256");
  const file = await open(path, "wx", 0o600);
  let count = 0;
  try {
    for (let since = 0; ; ) {
      signal.throwIfAborted();
      const records = await findLiveRecords(tx, scope, since, PAGE_RECORDS);
      await writePage(file, digest, records);
      count += records.length;
      since = records.at(-1)?.rev ?? since;
      if (records.length < PAGE_RECORDS) break;
    }
  } finally {
    await file.close();
  }
  return { feedId: feed.feed_id, row, count, digest: digest.digest("hex") };
}

async function writePage(
  file: FileHandle,
  digest: ReturnType<typeof createHash>,
  records: Awaited<ReturnType<typeof findLiveRecords>>,
): Promise<void> {
  // Single signatures are left out: the head's covers all header lines, and these name the bodies' hashes.
  const unsigned = records.map((record) => ({ ...record, signature: "-" }));
  for (const record of unsigned) digest.update(headerLine(record));
  await file.writeFile(unsigned.map(frame).join(""));
}

function headThenFile(head: string, path: string): Readable {
  async function* chunks(): AsyncGenerator<Buffer> {
    yield Buffer.from(head);
    for await (const chunk of createReadStream(path)) yield Buffer.from(chunk);
  }
  return Readable.from(chunks());
}

/** From now on agents are pointed to it. Tombstones that every reader of the one before has seen may go after a day. */
async function publishCheckpoint(tx: Tx, feedId: string, row: ScopeRow, now: Date): Promise<number> {
  const feed = await holdFeed(tx);
  const scope = await lockScope(tx, row.scope);
  if (feed.feed_id !== feedId || scope.checkpoint_count !== row.checkpoint_count) return 0;
  const appendedBefore = new Date(now.getTime() - TOMBSTONE_AGE_MIN_MS);
  const prunedTo = await pruneTombstones(tx, row.scope, { rev: scope.checkpoint_rev, appendedBefore });
  await updateScope(tx, row.scope, {
    checkpoint_rev: row.rev,
    checkpoint_count: row.checkpoint_count + 1,
    floor_rev: Math.max(scope.floor_rev, prunedTo),
  });
  return prunedTo;
}
