// The life of the feed: made once, its signing key known to everybody, made anew when the database was restored or moved
// to an earlier time, or another key took over. After that every record is signed again before edges may read any.
import { randomUUID } from "node:crypto";
import type { FeedKeysReply } from "../../../agents/contract.ts";
import { COMPILER_VERSION } from "../../../edge-templates/index.ts";
import { type Database, inTransaction, type Reads, type Tx } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { BATCH_MAX, type FeedWriter, moveScope, signedRecord } from "./append.ts";
import { compilerChanged, feedRestored, rebuildFeed } from "./jobs.ts";
import { type FeedSigner, rawOf } from "./signer.ts";
import {
  deleteRecords,
  findForeignRecords,
  findScopes,
  forgetCheckpoints,
  holdFeed,
  insertFeedIfAbsent,
  listFeedKeys,
  lockFeed,
  lockScope,
  type RecordRow,
  readDatabaseIdentity,
  type ScopeRow,
  updateFeed,
  upsertFeedKey,
  upsertRecords,
} from "./store.ts";

/** What a worker does first: without it nothing can be appended. */
export async function openFeed(db: Database, { signer, now }: { signer: FeedSigner; now: Date }): Promise<void> {
  await inTransaction(db, async (tx) => {
    const identity = await readDatabaseIdentity(tx);
    await insertFeedIfAbsent(tx, {
      feed_id: randomUUID(),
      database_identity: identity,
      rebuilding: false,
      compiler_version: COMPILER_VERSION,
      created_at: now,
    });
    const feed = await lockFeed(tx);
    if (feed === undefined) return;
    const known = (await listFeedKeys(tx)).find((key) => key.id === signer.keyId);
    const { keyId: id, publicKey: public_key, endorsement } = signer;
    await upsertFeedKey(tx, { id, public_key, endorsement, started_at: now });
    // What the former key signed is signed again: edges that forget that key must not need it. They would begin a feed
    // that a key without an endorsement signed, and could believe none of it; so they keep the one they have.
    const isHandedOver = endorsement !== null && (known?.endorsement ?? null) === null;
    const isRestored = feed.database_identity !== identity;
    if (isRestored || isHandedOver) await makeAnew(tx, now, identity);
    if (isRestored) await enqueueJob(tx, feedRestored, { after: null });
    if (feed.compiler_version < COMPILER_VERSION) await compileAnew(tx);
  });
}

/**
 * An agent says that it knows revisions which this database does not: it may have been restored. `feedId` is what the agent
 * follows. Answers where each scope of that feed ended; undefined when the feed was made anew for another agent already.
 * Nothing is purged on the word of one edge: see restore-claims.ts.
 */
export async function renewRestoredFeed(
  db: Database,
  feedId: string,
  now: Date,
): Promise<ReadonlyMap<string, number> | undefined> {
  return await inTransaction(db, async (tx) => {
    const feed = await lockFeed(tx);
    if (feed?.feed_id !== feedId) return undefined;
    const ends = new Map((await findScopes(tx)).map(({ scope, rev }) => [scope, rev]));
    await makeAnew(tx, now, feed.database_identity);
    return ends;
  });
}

async function makeAnew(tx: Tx, now: Date, identity: string): Promise<void> {
  const feedId = randomUUID();
  await updateFeed(tx, { feed_id: feedId, database_identity: identity, rebuilding: true, created_at: now });
  await forgetCheckpoints(tx);
  await enqueueJob(tx, rebuildFeed, { feed_id: feedId });
}

async function compileAnew(tx: Tx): Promise<void> {
  await updateFeed(tx, { compiler_version: COMPILER_VERSION });
  await enqueueJob(tx, compilerChanged, { compiler_version: COMPILER_VERSION });
}

export interface FeedRebuildSettings {
  readonly db: Database;
  readonly signer: FeedSigner;
  readonly clock: () => Date;
  readonly announce: (scope: string) => void;
  /** Records got other revisions: whoever remembers the old ones learns it in the same transaction. */
  readonly renumber: Renumber;
}

type Renumber = (tx: Tx, scope: string, records: readonly RecordRow[]) => Promise<void>;

/** Signs and numbers all records for the feed of this id; goes on where a killed worker stopped. */
export function createFeedRebuild({ db, signer, clock, announce, renumber }: FeedRebuildSettings) {
  async function signBatch(feedId: string, scope: string): Promise<"more" | "done" | "outdated"> {
    return inTransaction(db, async (tx) => {
      const feed = await holdFeed(tx);
      if (feed.feed_id !== feedId || !feed.rebuilding) return "outdated";
      const locked = await lockScope(tx, scope);
      const records = await findForeignRecords(tx, scope, feedId, BATCH_MAX);
      if (records.length === 0) return "done";
      const signed = await signAgain(tx, { feedId, signer, now: clock() }, locked, records);
      await renumber(tx, scope, signed);
      return "more";
    });
  }

  async function signScope(feedId: string, scope: string, signal: AbortSignal): Promise<"done" | "outdated"> {
    for (;;) {
      signal.throwIfAborted();
      const outcome = await signBatch(feedId, scope);
      if (outcome !== "more") return outcome;
    }
  }

  return async function rebuild(feedId: string, signal: AbortSignal): Promise<void> {
    const scopes = await findScopes(db);
    for (const { scope } of scopes) {
      if ((await signScope(feedId, scope, signal)) === "outdated") return;
    }
    await inTransaction(db, async (tx) => {
      if ((await lockFeed(tx))?.feed_id === feedId) await updateFeed(tx, { rebuilding: false });
    });
    for (const { scope } of scopes) announce(scope);
  };
}

/** Tombstones go: whoever follows the new feed begins with nothing to delete. */
async function signAgain(
  tx: Tx,
  writer: FeedWriter,
  scope: ScopeRow,
  records: readonly RecordRow[],
): Promise<readonly RecordRow[]> {
  const live = records.filter((record) => record.op === "put");
  await deleteRecords(
    tx,
    scope.scope,
    records.flatMap((record) => (record.op === "del" ? [record.rev] : [])),
  );
  const signed = live.map((record, index) => {
    const { source_version: sourceVersion, compiler_version: compilerVersion } = record;
    return signedRecord(writer, scope, { ...record, sourceVersion, compilerVersion }, scope.rev + index + 1);
  });
  await upsertRecords(tx, signed);
  await moveScope(tx, scope, signed, live);
  return signed;
}

/** The keys that sign the feed, as agents take them: each with the former one's word for it. */
export async function readFeedKeys(reads: Reads): Promise<FeedKeysReply["feed_keys"]> {
  const keys = await listFeedKeys(reads);
  return keys.map(({ id, public_key, endorsement }) => ({ id, public_key: rawOf(public_key), endorsement }));
}
