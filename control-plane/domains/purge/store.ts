// The tables of purges: what was asked for, and where the epochs and marks of each distribution stand. How far groups got
// is delivery-store's.
import { z } from "zod";
import { NEWEST_FIRST, PAGE_KEY, type PageQuery, rowsAfter } from "../../database/paging.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import { lockWaitingOf } from "../feed/index.ts";
import type { PurgeType } from "./rules.ts";

export interface PurgeRow {
  readonly id: string;
  readonly distribution_id: string;
  readonly epoch: number;
  readonly type: PurgeType;
  readonly items: readonly string[];
  readonly marks: number;
  readonly bytes: number;
  readonly is_live: boolean;
  readonly created_by: string | null;
  readonly created_at: Date;
  readonly appended_at: Date | null;
}

export type ListedPurgeRow = Omit<PurgeRow, "items">;
const LISTED = [
  "id",
  "distribution_id",
  "epoch",
  "type",
  "marks",
  "bytes",
  "is_live",
  "created_by",
  "created_at",
] as const;

export interface PurgeHead {
  readonly epoch: number;
  /** Of all live purges. */
  readonly marks: number;
}

const headsSchema = z.object({ rows: z.array(z.object({ epoch: z.number(), marks: z.number() })).length(1) });

/**
 * The next epoch: the clock's milliseconds, or one more than the last where the clock is not ahead of that. The row is held
 * until the transaction ends, so that epochs come to be in their order.
 */
export async function raiseEpoch(
  tx: Tx,
  { distributionId, now, marks }: { distributionId: string; now: Date; marks: number },
): Promise<PurgeHead> {
  const result: unknown = await tx.raw(
    `insert into purge_head as h (distribution_id, epoch, marks) values (?, ?, ?)
     on conflict (distribution_id) do update
       set epoch = greatest(h.epoch + 1, excluded.epoch), marks = h.marks + excluded.marks
     returning epoch, marks`,
    [distributionId, now.getTime(), marks],
  );
  const [head] = headsSchema.parse(result).rows;
  if (head === undefined) throw new Error("an upsert that answers no row");
  return head;
}

export async function insertPurge(tx: Tx, row: PurgeRow): Promise<void> {
  await tx("purge").insert({ ...row, items: JSON.stringify(row.items) });
}

export async function findPurge(
  reads: Reads,
  { distributionId, id }: { distributionId: string; id: string },
): Promise<PurgeRow | undefined> {
  return reads<PurgeRow>("purge").where({ id, distribution_id: distributionId }).first();
}

/** Of whatever distributions. */
export async function findListedPurges(reads: Reads, ids: readonly string[]): Promise<readonly ListedPurgeRow[]> {
  return reads<PurgeRow>("purge")
    .select(...LISTED, "appended_at")
    .whereIn("id", ids);
}

/** One row more than the page holds, so that the caller sees whether there is a next one. */
export async function listPurges(
  reads: Reads,
  distributionId: string,
  page: PageQuery,
): Promise<readonly (ListedPurgeRow & { readonly page_key: string })[]> {
  return reads("purge")
    .select(...LISTED, "appended_at", reads.raw(PAGE_KEY))
    .where({ distribution_id: distributionId })
    .whereRaw(...rowsAfter(page))
    .orderByRaw(NEWEST_FIRST)
    .limit(page.limit + 1);
}

export function lockWaiting(tx: Tx, limit: number) {
  return lockWaitingOf(tx, { table: "purge", bytes: "p.bytes" }, limit);
}

export async function findPurges(reads: Reads, ids: readonly string[]): Promise<readonly PurgeRow[]> {
  return reads<PurgeRow>("purge").whereIn("id", ids).orderBy("epoch");
}

export async function markAppended(tx: Tx, ids: readonly string[], now: Date): Promise<void> {
  await tx<PurgeRow>("purge").whereIn("id", ids).update({ appended_at: now });
}

/** The newest `all` that edges have been told: whatever came before it is needless. */
export async function findNewestAll(reads: Reads, distributionId: string): Promise<number | undefined> {
  const row = await reads<PurgeRow>("purge")
    .where({ distribution_id: distributionId, type: "all", is_live: true })
    .whereNotNull("appended_at")
    .orderBy("epoch", "desc")
    .first("epoch");
  return row?.epoch;
}

const epochSchema = z.object({ rows: z.array(z.object({ epoch: z.number() })) });

/** The epoch up to which a distribution has half of its live marks; undefined where it has none. */
export async function findHalfway(reads: Reads, distributionId: string): Promise<number | undefined> {
  const result: unknown = await reads.raw(
    `select epoch from (
       select epoch, sum(marks) over (order by epoch) as upto, sum(marks) over () as total
       from purge where distribution_id = ? and is_live and appended_at is not null) p
     where upto * 2 >= total order by epoch limit 1`,
    [distributionId],
  );
  return epochSchema.parse(result).rows[0]?.epoch;
}

/** Live purges that edges have been told, up to an epoch, oldest first. */
export async function lockLive(
  tx: Tx,
  { distributionId, upTo, limit }: { distributionId: string; upTo: number; limit: number },
): Promise<readonly Pick<PurgeRow, "id" | "epoch">[]> {
  return tx<PurgeRow>("purge")
    .select("id", "epoch")
    .where({ distribution_id: distributionId, is_live: true })
    .whereNotNull("appended_at")
    .where("epoch", "<=", upTo)
    .orderBy("epoch")
    .limit(limit)
    .forUpdate();
}

export async function endLives(tx: Tx, ids: readonly string[]): Promise<void> {
  await tx<PurgeRow>("purge").whereIn("id", ids).update({ is_live: false });
}

/** Behind the purges' own rows, and before any scope. */
export async function lockHeads(tx: Tx, distributionIds: readonly string[]): Promise<void> {
  await tx("purge_head")
    .select("epoch")
    .whereIn("distribution_id", distributionIds)
    .orderBy("distribution_id")
    .forUpdate();
}

/** Counts a distribution's live marks anew: some purges are live no more. */
export async function recountMarks(tx: Tx, distributionIds: readonly string[]): Promise<void> {
  // Held first: a purge that comes meanwhile waits, and what it added before is seen by the count.
  await lockHeads(tx, distributionIds);
  await tx.raw(
    `update purge_head h set marks = coalesce(
       (select sum(p.marks) from purge p where p.distribution_id = h.distribution_id and p.is_live), 0)
     where h.distribution_id = any(?::uuid[])`,
    [[...distributionIds]],
  );
}

export async function findMarkCount(reads: Reads, distributionId: string): Promise<number> {
  const row: { marks: number } | undefined = await reads("purge_head")
    .where({ distribution_id: distributionId })
    .first("marks");
  return row?.marks ?? 0;
}

const idsSchema = z.object({ rows: z.array(z.object({ id: z.uuid(), distribution_id: z.uuid() })) });

/** Live ones whose time is over. */
export async function endOutlived(tx: Tx, epochBefore: number, limit: number): Promise<readonly string[]> {
  const result: unknown = await tx.raw(
    `update purge set is_live = false where id in (
       select id from purge where is_live and epoch < ? order by epoch limit ? for update skip locked)
     returning id, distribution_id`,
    [epochBefore, limit],
  );
  return idsSchema.parse(result).rows.map((row) => row.distribution_id);
}

/** Answers how many went. */
export async function deletePurges(tx: Tx, createdBefore: Date, limit: number): Promise<number> {
  return tx("purge")
    .whereIn("id", tx("purge").select("id").where("created_at", "<", createdBefore).limit(limit))
    .delete();
}

/** Whoever was ever purged, in the order of their ids: each as if everything of it were purged now. Answers the epochs. */
export async function raiseEpochsAfter(
  tx: Tx,
  { after, now, limit }: { after: string | null; now: Date; limit: number },
): Promise<ReadonlyMap<string, number>> {
  const result: unknown = await tx.raw(
    `update purge_head h set epoch = greatest(h.epoch + 1, ?) where h.distribution_id in (
       select distribution_id from purge_head where ?::uuid is null or distribution_id > ?::uuid
       order by distribution_id limit ? for update)
     returning h.distribution_id, h.epoch`,
    [now.getTime(), after, after, limit],
  );
  return new Map(lastEpochsSchema.parse(result).rows.map(({ distribution_id: id, epoch }) => [id, epoch]));
}

const lastEpochsSchema = z.object({ rows: z.array(z.object({ distribution_id: z.uuid(), epoch: z.number() })) });

/** Of those that were ever purged since, the last epochs; in so far as the group's feed does not carry their document. */
export async function findEpochsOfArrivals(
  reads: Reads,
  { scope, ids, since }: { scope: string; ids: readonly string[]; since: number },
): Promise<readonly { readonly distributionId: string; readonly epoch: number }[]> {
  const result: unknown = await reads.raw(
    `select h.distribution_id, h.epoch from purge_head h
     where h.distribution_id = any(?::uuid[]) and h.epoch > ?
       and not exists (select from feed_record r
                       where r.scope = ? and r.kind = 'document' and r.id = h.distribution_id and r.op = 'put')`,
    [[...ids], since, scope],
  );
  return lastEpochsSchema.parse(result).rows.map(({ distribution_id: distributionId, epoch }) => ({
    distributionId,
    epoch,
  }));
}
