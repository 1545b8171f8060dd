// The tables of the feed: the feed itself, its keys, a row per scope with its locked counter, the newest record of each
// kind and id. Everything here is set-based, so a batch costs a few queries.
import { z } from "zod";
import type { RecordKind } from "../../../agents/contract.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import { EMPTY_STATE_HASH } from "./rules.ts";

export interface FeedRow {
  readonly feed_id: string;
  readonly database_identity: string;
  readonly rebuilding: boolean;
  readonly compiler_version: number;
  readonly created_at: Date;
}

export interface ScopeRow {
  readonly scope: string;
  readonly rev: number;
  readonly floor_rev: number;
  readonly state_hash: string;
  readonly live_records: number;
  readonly checkpoint_rev: number;
  readonly checkpoint_count: number;
}

export interface RecordRow {
  readonly scope: string;
  readonly kind: RecordKind;
  readonly id: string;
  readonly rev: number;
  readonly op: "put" | "del";
  readonly hash: string;
  readonly body: string;
  readonly signature: string;
  readonly feed_id: string;
  readonly source_version: number;
  readonly compiler_version: number;
  readonly appended_at: Date;
}
export type RecordHead = Pick<RecordRow, "kind" | "id" | "rev" | "op" | "hash" | "source_version" | "compiler_version">;
const HEAD_COLUMNS = ["kind", "id", "rev", "op", "hash", "source_version", "compiler_version"] as const;
const KEYS_PINNED_MAX = 2;

export async function insertFeedIfAbsent(tx: Tx, feed: FeedRow): Promise<void> {
  await tx<FeedRow>("feed").insert(feed).onConflict("singleton").ignore();
}

export async function findFeed(reads: Reads): Promise<FeedRow | undefined> {
  return reads<FeedRow>("feed").first();
}

/** For whoever changes the feed itself: waits for running appends, and later ones wait for it. */
export async function lockFeed(tx: Tx): Promise<FeedRow | undefined> {
  return tx<FeedRow>("feed").forUpdate().first();
}

/** For whoever appends: the feed stays this one until the transaction ends. Lock it before any scope. */
export async function holdFeed(tx: Tx): Promise<FeedRow> {
  const feed = await tx<FeedRow>("feed").forShare().first();
  if (feed === undefined) throw new Error("there is no feed yet: a worker makes it when it starts");
  return feed;
}

export async function updateFeed(tx: Tx, changes: Partial<FeedRow>): Promise<void> {
  await tx<FeedRow>("feed").update(changes);
}

/** Changes with every restore that Postgres can tell: another cluster, another database in it, another timeline. */
export async function readDatabaseIdentity(reads: Reads): Promise<string> {
  const row: { identity: string } | undefined = await reads("pg_database")
    .whereRaw("datname = current_database()")
    .first(
      reads.raw(`concat_ws('/', (select system_identifier from pg_control_system()), oid,
                           left(pg_walfile_name(pg_current_wal_lsn()), 8)) as identity`),
    );
  if (row === undefined) throw new Error("Postgres does not say which database this is");
  return row.identity;
}

export interface FeedKeyRow {
  readonly id: string;
  /** SPKI PEM. */
  readonly public_key: string;
  readonly endorsement: string | null;
  readonly started_at: Date;
}

/** An endorsement stays when the former key is not at hand at a later start. */
export async function upsertFeedKey(tx: Tx, key: FeedKeyRow): Promise<void> {
  const { started_at, endorsement } = key;
  await tx<FeedKeyRow>("feed_key")
    .insert(key)
    .onConflict("id")
    .merge(endorsement === null ? { started_at } : { started_at, endorsement });
}

/** The newest two: the one in use first, then the one before. */
export async function listFeedKeys(reads: Reads): Promise<readonly FeedKeyRow[]> {
  return reads<FeedKeyRow>("feed_key").orderBy("started_at", "desc").limit(KEYS_PINNED_MAX);
}

export async function findFeedKeys(reads: Reads): Promise<Readonly<Record<string, string>>> {
  return Object.fromEntries((await listFeedKeys(reads)).map((row) => [row.id, row.public_key]));
}

/** `created`: nothing was ever appended here. */
export async function lockScope(tx: Tx, scope: string): Promise<ScopeRow & { readonly created: boolean }> {
  const created = await tx("feed_scope")
    .insert({ scope, state_hash: EMPTY_STATE_HASH })
    .onConflict("scope")
    .ignore()
    .returning("scope");
  const row = await tx<ScopeRow>("feed_scope").where({ scope }).forUpdate().first();
  if (row === undefined) throw new Error(`the scope ${scope} vanished while it was locked`);
  return { ...row, created: created.length > 0 };
}

export async function findScope(reads: Reads, scope: string): Promise<ScopeRow | undefined> {
  return reads<ScopeRow>("feed_scope").where({ scope }).first();
}

export async function findScopes(reads: Reads): Promise<readonly ScopeRow[]> {
  return reads<ScopeRow>("feed_scope").orderBy("scope");
}

export async function updateScope(tx: Tx, scope: string, changes: Partial<ScopeRow>): Promise<void> {
  await tx<ScopeRow>("feed_scope").where({ scope }).update(changes);
}

/** A new feed has no checkpoints yet. */
export async function forgetCheckpoints(tx: Tx): Promise<void> {
  await tx<ScopeRow>("feed_scope").update({ checkpoint_rev: 0 });
}

export async function findRecordHeads(
  tx: Reads,
  scope: string,
  keys: readonly { readonly kind: RecordKind; readonly id: string }[],
): Promise<readonly RecordHead[]> {
  const pairs = keys.map(({ kind, id }) => [kind, id]);
  return tx<RecordRow>("feed_record")
    .select(...HEAD_COLUMNS)
    .where({ scope })
    .whereIn(["kind", "id"], pairs);
}

export async function upsertRecords(tx: Tx, records: readonly RecordRow[]): Promise<void> {
  if (records.length === 0) return;
  await tx.raw(
    `insert into feed_record (scope, kind, id, rev, op, hash, body, signature, feed_id, source_version, compiler_version,
       appended_at)
     select scope, kind, id, rev, op, hash, body, signature, feed_id, source_version, compiler_version, appended_at
     from json_populate_recordset(null::feed_record, ?::json)
     on conflict (scope, kind, id) do update set rev = excluded.rev, op = excluded.op, hash = excluded.hash,
       body = excluded.body, signature = excluded.signature, feed_id = excluded.feed_id,
       source_version = excluded.source_version, compiler_version = excluded.compiler_version,
       appended_at = excluded.appended_at`,
    [JSON.stringify(records)],
  );
}

/** The content stays, and so does the revision: only what it is known to be compiled from moves on. */
export async function advanceProvenance(
  tx: Tx,
  scope: string,
  records: readonly Pick<RecordRow, "kind" | "id" | "source_version" | "compiler_version">[],
): Promise<void> {
  if (records.length === 0) return;
  await tx.raw(
    `update feed_record r set source_version = n.source_version, compiler_version = n.compiler_version
     from json_populate_recordset(null::feed_record, ?::json) n
     where r.scope = ? and r.kind = n.kind and r.id = n.id`,
    [JSON.stringify(records), scope],
  );
}

/** Records that an earlier feed signed, oldest first. */
export async function findForeignRecords(
  tx: Tx,
  scope: string,
  feedId: string,
  limit: number,
): Promise<readonly RecordRow[]> {
  return tx<RecordRow>("feed_record").where({ scope }).whereNot({ feed_id: feedId }).orderBy("rev").limit(limit);
}

export async function deleteRecords(tx: Tx, scope: string, revs: readonly number[]): Promise<void> {
  if (revs.length > 0) await tx<RecordRow>("feed_record").where({ scope }).whereIn("rev", revs).delete();
}

/** Live records after `since` in rising order, as a checkpoint holds them. */
export async function findLiveRecords(
  reads: Reads,
  scope: string,
  since: number,
  limit: number,
): Promise<readonly Pick<RecordRow, "kind" | "id" | "rev" | "op" | "hash" | "body">[]> {
  return reads<RecordRow>("feed_record")
    .select("kind", "id", "rev", "op", "hash", "body")
    .where({ scope, op: "put" })
    .where("rev", ">", since)
    .orderBy("rev")
    .limit(limit);
}

/** Forgets tombstones and answers the newest revision that went; 0 when none did. */
export async function pruneTombstones(
  tx: Tx,
  scope: string,
  upTo: { rev: number; appendedBefore: Date },
): Promise<number> {
  const gone = await tx<RecordRow>("feed_record")
    .where({ scope, op: "del" })
    .where("rev", "<=", upTo.rev)
    .where("appended_at", "<", upTo.appendedBefore)
    .delete()
    .returning("rev");
  return gone.reduce((newest, { rev }) => Math.max(newest, rev), 0);
}

/** The newest record of a kind and id in every scope that has one. */
export async function findRecordsById(reads: Reads, kind: RecordKind, ids: readonly string[]): Promise<RecordRow[]> {
  return reads<RecordRow>("feed_record").where({ kind }).whereIn("id", ids).orderBy(["scope", "id"]);
}

const passedSchema = z.array(z.object({ id: z.uuid(), source_version: z.number() }));

/** Live records of a kind whose source, as some group has it, is older. */
export async function findPassed(
  reads: Reads,
  kind: RecordKind,
  before: number,
  limit: number,
): Promise<z.output<typeof passedSchema>> {
  const rows: unknown = await reads("feed_record")
    .select("id", reads.raw("min(source_version) as source_version"))
    .where({ kind, op: "put" })
    .where("source_version", "<", before)
    .groupBy("id")
    .limit(limit);
  return passedSchema.parse(rows);
}
