// The deployment_rollout table: how far a new compiler's work got.
import type { Reads, Tx } from "../../database/transaction.ts";
import type { DeploymentRow } from "./store.ts";

export type RolloutState = "canary" | "stopped" | "spreading" | "done" | "superseded";

export interface RolloutRow {
  readonly id: string;
  readonly compiler_version: number;
  /** The canary; null: it was deleted meanwhile. */
  readonly group_id: string | null;
  readonly state: RolloutState;
  readonly reason: string | null;
  /** What was refused before: see refusalsOf. */
  readonly refused_before: readonly string[];
  readonly refused: number;
  readonly compiled_rev: number | null;
  readonly quiet_since: Date | null;
  readonly created_at: Date;
  readonly finished_at: Date | null;
}

const HOLDING = ["canary", "stopped"] as const;
const LISTED_MAX = 50;
const REFUSED_MAX = 10_000;

export async function insertRollout(tx: Tx, rollout: RolloutRow): Promise<void> {
  const { refused_before, ...row } = rollout;
  await tx("deployment_rollout").insert({ ...row, refused_before: JSON.stringify(refused_before) });
}

export async function updateRollout(
  tx: Tx,
  id: string,
  changes: Partial<Pick<RolloutRow, "state" | "reason" | "refused" | "compiled_rev" | "quiet_since" | "finished_at">>,
): Promise<void> {
  await tx<RolloutRow>("deployment_rollout").where({ id }).update(changes);
}

/** Those who begin, move or end one take turns. */
export async function lockRollouts(tx: Tx): Promise<void> {
  await tx.raw("select pg_advisory_xact_lock(hashtextextended('deployment-rollouts', 0))");
}

export async function findRollout(reads: Reads, id: string): Promise<RolloutRow | undefined> {
  return reads<RolloutRow>("deployment_rollout").where({ id }).first();
}

/** The one for which groups other than its canary wait. */
export async function findHoldingRollout(reads: Reads): Promise<RolloutRow | undefined> {
  return reads<RolloutRow>("deployment_rollout").whereIn("state", HOLDING).first();
}

export async function findRolloutOf(reads: Reads, compilerVersion: number): Promise<RolloutRow | undefined> {
  return reads<RolloutRow>("deployment_rollout").where({ compiler_version: compilerVersion }).first();
}

/** Newest first. */
export async function findRollouts(reads: Reads): Promise<readonly RolloutRow[]> {
  return reads<RolloutRow>("deployment_rollout").orderBy("compiler_version", "desc").limit(LISTED_MAX);
}

/** A newer compiler does their work. */
export async function supersedeRollouts(tx: Tx, now: Date): Promise<void> {
  await tx<RolloutRow>("deployment_rollout")
    .whereIn("state", [...HOLDING, "spreading"])
    .update({ state: "superseded", finished_at: now });
}

export async function findRefusedIds(reads: Reads, scope: string): Promise<readonly string[]> {
  const rows = await reads<DeploymentRow>("deployment")
    .select("distribution_id")
    .where({ scope, state: "refused" })
    .limit(REFUSED_MAX);
  return rows.map((row) => row.distribution_id);
}
