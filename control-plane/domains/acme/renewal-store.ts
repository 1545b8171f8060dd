// What is known of each certificate's next renewal: failures in a row, and the window that the authority wants to be asked in.
import type { Reads, Tx } from "../../database/transaction.ts";

export interface RenewalRow {
  readonly certificate_id: string;
  /** At the authority, and before it was asked. */
  readonly failures: number;
  readonly early_failures: number;
  readonly directory_url: string | null;
  readonly renewal_id: string | null;
  readonly check_at: Date | null;
  readonly check_failures: number;
  readonly window_start: Date | null;
  readonly window_end: Date | null;
}

export async function findRenewal(reads: Reads, certificateId: string): Promise<RenewalRow | undefined> {
  return reads<RenewalRow>("acme_renewal").where({ certificate_id: certificateId }).first();
}

export async function saveRenewal(
  tx: Tx,
  certificateId: string,
  changes: Partial<Omit<RenewalRow, "certificate_id">>,
): Promise<void> {
  await tx<RenewalRow>("acme_renewal")
    .insert({ certificate_id: certificateId, ...changes })
    .onConflict("certificate_id")
    .merge(changes);
}

/** One more order in a row failed. Answers how many. */
export async function countFailure(
  tx: Tx,
  certificateId: string,
  kind: "failures" | "early_failures",
): Promise<number> {
  const rows = await tx<RenewalRow>("acme_renewal")
    .insert({ certificate_id: certificateId, [kind]: 1 })
    .onConflict("certificate_id")
    .merge({ [kind]: tx.raw("acme_renewal.?? + 1", [kind]) })
    .returning(kind);
  return rows[0]?.[kind] ?? 1;
}

/** Taken by this worker until `until`; another takes what it did not come to. */
export async function takeDueChecks(
  tx: Tx,
  { now, until, limit }: { now: Date; until: Date; limit: number },
): Promise<readonly RenewalRow[]> {
  const due = tx<RenewalRow>("acme_renewal")
    .select("certificate_id")
    .where("check_at", "<=", now)
    .orderBy("check_at")
    .limit(limit)
    .forUpdate()
    .skipLocked();
  return tx<RenewalRow>("acme_renewal").whereIn("certificate_id", due).update({ check_at: until }).returning("*");
}
