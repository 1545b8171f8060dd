// Alerts as the worker judges them: many at a time.
import { z } from "zod";
import type { Reads, Tx } from "../../database/transaction.ts";
import type { AlertState } from "./state.ts";

/** The ids of alerts that are to be judged, of accounts that live, in order. */
export async function findEnabledIds(
  reads: Reads,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<readonly string[]> {
  const query = reads("alert")
    .join("account", "account.id", "alert.account_id")
    .where({ "alert.is_enabled": true })
    .whereNull("account.deleted_at")
    .orderBy("alert.id")
    .limit(limit)
    .pluck("alert.id");
  if (after !== undefined) query.where("alert.id", ">", after);
  return z.array(z.uuid()).parse(await query);
}

export interface Judged extends AlertState {
  readonly id: string;
}

/** In one statement, however many. Their rows are locked. */
export async function writeStates(tx: Tx, judged: readonly Judged[]): Promise<void> {
  const rows = judged.map((one) => ({
    id: one.id,
    status: one.status,
    since: one.since,
    holding_since: one.holdingSince,
    clear_since: one.clearSince,
    judged_until: one.judgedUntil,
    value: one.value,
    reason: one.reason,
    covered: one.covered,
    is_told: one.isTold,
  }));
  await tx.raw(
    `update alert set status = new.status, since = new.since, holding_since = new.holding_since,
       clear_since = new.clear_since, judged_until = new.judged_until, value = new.value, reason = new.reason,
       covered = new.covered, is_told = new.is_told
     from jsonb_to_recordset(?::jsonb) as new (id uuid, status text, since timestamptz, holding_since timestamptz,
       clear_since timestamptz, judged_until timestamptz, value float8, reason text, covered jsonb, is_told boolean)
     where alert.id = new.id`,
    [JSON.stringify(rows)],
  );
}
