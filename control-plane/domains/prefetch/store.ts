// The prefetch table: what was asked for, until edges have been told and a while longer.
import type { Tx } from "../../database/transaction.ts";

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

/** The oldest that wait for a worker and that no other worker has in hand, held until the transaction ends. */
export async function lockWaiting(tx: Tx, limit: number): Promise<readonly PrefetchRow[]> {
  return tx<PrefetchRow>("prefetch")
    .whereNull("appended_at")
    .orderBy("created_at")
    .limit(limit)
    .forUpdate()
    .skipLocked();
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
