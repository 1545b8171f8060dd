// The prefetch table: what was asked for, until edges have been told and a while longer.
import type { Reads, Tx } from "../../database/transaction.ts";
import { lockWaitingOf } from "../feed/index.ts";

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

export function lockWaiting(tx: Tx, limit: number) {
  return lockWaitingOf(tx, { table: "prefetch", bytes: "octet_length(p.urls::text)" }, limit);
}

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
