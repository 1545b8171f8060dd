// The purge_delivery table: which revision each group's edges must have applied for a purge, and when all of them had.
import type { Reads, Tx } from "../../database/transaction.ts";

export interface DeliveryRow {
  readonly purge_id: string;
  readonly scope: string;
  readonly rev: number;
  readonly done_at: Date | null;
}

export async function insertDeliveries(tx: Tx, rows: readonly Omit<DeliveryRow, "done_at">[]): Promise<void> {
  if (rows.length > 0)
    await tx<DeliveryRow>("purge_delivery")
      .insert([...rows])
      .onConflict()
      .ignore();
}

export async function findDeliveries(reads: Reads, purgeIds: readonly string[]): Promise<readonly DeliveryRow[]> {
  return reads<DeliveryRow>("purge_delivery").whereIn("purge_id", purgeIds).orderBy(["purge_id", "scope"]);
}

/** Every edge of the group that answers has applied everything up to this revision. */
export async function settlePurges(
  tx: Tx,
  { scope, applied, now }: { scope: string; applied: number; now: Date },
): Promise<void> {
  // What another report settles at this moment is settled.
  await tx.raw(
    `update purge_delivery set done_at = ? where scope = ? and purge_id in (
       select purge_id from purge_delivery where scope = ? and rev <= ? and done_at is null
       order by rev limit 1000 for update skip locked)`,
    [now, scope, scope, applied],
  );
}

interface Numbered {
  readonly kind: string;
  readonly id: string;
  readonly rev: number;
}

/** The same records under other numbers: the feed was made anew. */
export async function renumberPurges(tx: Tx, scope: string, records: readonly Numbered[]): Promise<void> {
  await moveDeliveries(
    tx,
    scope,
    records.filter(({ kind }) => kind === "purge"),
  );
}

/** What an edge must have applied is another revision now. */
export async function moveDeliveries(
  tx: Tx,
  scope: string,
  records: readonly Pick<Numbered, "id" | "rev">[],
): Promise<void> {
  if (records.length === 0) return;
  await tx.raw(
    `update purge_delivery d set rev = n.rev from json_to_recordset(?::json) as n(id uuid, rev bigint)
     where d.scope = ? and d.purge_id = n.id`,
    [JSON.stringify(records.map(({ id, rev }) => ({ id, rev }))), scope],
  );
}
