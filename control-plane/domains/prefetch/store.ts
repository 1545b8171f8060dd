// The prefetch table: what was asked for, until edges have been told and a while longer.
import { z } from "zod";
import type { Reads, Tx } from "../../database/transaction.ts";

export interface PrefetchRow {
  readonly id: string;
  readonly distribution_id: string;
  readonly urls: readonly string[];
  readonly created_by: string | null;
  readonly created_at: Date;
  readonly appended_at: Date | null;
}

export async function insertPrefetch(tx: Tx, row: PrefetchRow): Promise<void> {
  await tx("prefetch").insert({ ...row, urls: JSON.stringify(row.urls) });
}

/** Those that wait for a worker and that no other worker has in hand, held until the transaction ends; fair as purges are. */
export async function lockWaiting(tx: Tx, limit: number): Promise<readonly { id: string; bytes: number }[]> {
  const result: unknown = await tx.raw(
    `select p.id, octet_length(p.urls::text) as bytes from prefetch p
     join (select w.id, row_number() over (partition by d.account_id order by w.created_at, w.id) as turn
           from prefetch w join distribution d on d.id = w.distribution_id
           where w.appended_at is null) waiting on waiting.id = p.id
     where p.appended_at is null
     order by waiting.turn, p.created_at limit ? for update of p skip locked`,
    [limit],
  );
  return waitingSchema.parse(result).rows;
}

const waitingSchema = z.object({ rows: z.array(z.object({ id: z.uuid(), bytes: z.number() })) });

export async function findPrefetches(reads: Reads, ids: readonly string[]): Promise<readonly PrefetchRow[]> {
  return reads<PrefetchRow>("prefetch").whereIn("id", ids).orderBy("created_at");
}

export async function markAppended(tx: Tx, ids: readonly string[], now: Date): Promise<void> {
  await tx<PrefetchRow>("prefetch").whereIn("id", ids).update({ appended_at: now });
}

/** Answers how many went. */
export async function deletePrefetches(tx: Tx, createdBefore: Date, limit: number): Promise<number> {
  return tx("prefetch")
    .whereIn("id", tx("prefetch").select("id").where("created_at", "<", createdBefore).limit(limit))
    .delete();
}
