// The deployment table: how far a distribution got in each scope.
import { z } from "zod";
import type { Reads, Tx } from "../../database/transaction.ts";

export type DeploymentState = "deploying" | "active" | "refused" | "removing" | "removed";

export interface DeploymentRow {
  readonly distribution_id: string;
  readonly scope: string;
  readonly rev: number;
  readonly source_version: number;
  readonly state: DeploymentState;
  /** `compile`, or the stage at which an edge refused it. */
  readonly refused_stage: string | null;
  readonly reason: string | null;
  readonly updated_at: Date;
}

/** An edge's word about one document. */
export interface DocumentRefusal {
  readonly id: string;
  readonly rev: number;
  readonly stage: string;
  readonly reason: string;
}

export async function findDeployments(
  reads: Reads,
  ids: readonly string[],
  scope?: string,
): Promise<readonly DeploymentRow[]> {
  const query = reads<DeploymentRow>("deployment").whereIn("distribution_id", ids);
  if (scope !== undefined) query.where({ scope });
  return query.orderBy(["distribution_id", "scope"]);
}

/** Those of the distributions whose document the group's edges have, or had. */
export async function findEverCarried(
  reads: Reads,
  scope: string,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await reads<DeploymentRow>("deployment")
    .select("distribution_id")
    .where({ scope })
    .where("rev", ">", 0)
    .whereIn("distribution_id", ids);
  return new Set(rows.map((row) => row.distribution_id));
}

export async function upsertDeployments(tx: Tx, rows: readonly DeploymentRow[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.raw(
    `insert into deployment (distribution_id, scope, rev, source_version, state, refused_stage, reason, updated_at)
     select distribution_id, scope, rev, source_version, state, refused_stage, reason, updated_at
     from json_populate_recordset(null::deployment, ?::json)
     on conflict (distribution_id, scope) do update set rev = excluded.rev, source_version = excluded.source_version,
       state = excluded.state, refused_stage = excluded.refused_stage, reason = excluded.reason,
       updated_at = excluded.updated_at`,
    [JSON.stringify(rows)],
  );
}

/** The same documents under new numbers: what was proven stays proven. */
export async function renumberDeployments(
  tx: Tx,
  scope: string,
  records: readonly { readonly kind: string; readonly id: string; readonly rev: number }[],
): Promise<void> {
  const documents = records.filter((record) => record.kind === "document");
  if (documents.length === 0) return;
  await tx.raw(
    `update deployment d set rev = n.rev from json_to_recordset(?::json) as n(id uuid, rev bigint)
     where d.scope = ? and d.distribution_id = n.id`,
    [JSON.stringify(documents.map(({ id, rev }) => ({ id, rev }))), scope],
  );
}

const UNDER_WAY = ["deploying", "removing"] as const;

/** What waits for edges and is no newer than what all of them have applied, oldest first. */
export async function findSettling(
  reads: Reads,
  scope: string,
  upTo: number,
  limit: number,
): Promise<readonly Pick<DeploymentRow, "distribution_id" | "rev" | "state">[]> {
  return reads<DeploymentRow>("deployment")
    .select("distribution_id", "rev", "state")
    .where({ scope })
    .whereIn("state", UNDER_WAY)
    .where("rev", "<=", upTo)
    .orderBy("rev")
    .limit(limit);
}

export async function settle(tx: Tx, scope: string, ids: readonly string[], now: Date): Promise<void> {
  await tx<DeploymentRow>("deployment")
    .where({ scope })
    .whereIn("distribution_id", ids)
    .whereIn("state", UNDER_WAY)
    .update({
      state: tx.raw("case state when 'removing' then 'removed' else 'active' end"),
      refused_stage: null,
      reason: null,
      updated_at: now,
    });
}

const touchedSchema = z.object({ rows: z.array(z.object({ distribution_id: z.uuid() })) });

/** The group has no edge any more: what was to be removed there is. */
export async function settleAbandoned(tx: Tx, scope: string, limit: number, now: Date): Promise<readonly string[]> {
  const some = tx<DeploymentRow>("deployment")
    .select("distribution_id")
    .where({ scope, state: "removing" })
    .limit(limit);
  const gone = await tx<DeploymentRow>("deployment")
    .where({ scope })
    .whereIn("distribution_id", some)
    .update({ state: "removed", updated_at: now })
    .returning("distribution_id");
  return gone.map((row) => row.distribution_id);
}

/** Answers which deployments these refusals speak of: those that want this very revision. */
export async function refuse(
  tx: Tx,
  scope: string,
  refusals: readonly DocumentRefusal[],
  now: Date,
): Promise<readonly string[]> {
  const result: unknown = await tx.raw(
    `update deployment d set state = 'refused', refused_stage = n.stage, reason = n.reason, updated_at = ?
     from json_to_recordset(?::json) as n(id uuid, rev bigint, stage text, reason text)
     where d.scope = ? and d.distribution_id = n.id and d.rev = n.rev and d.state in ('deploying', 'active')
     returning d.distribution_id`,
    [now, JSON.stringify(refusals), scope],
  );
  return touchedSchema.parse(result).rows.map((row) => row.distribution_id);
}

/** An edge took its refusal back: they wait again for all edges to have them. */
export async function withdrawRefusals(
  tx: Tx,
  scope: string,
  refusals: readonly { readonly id: string; readonly rev: number }[],
  now: Date,
): Promise<readonly string[]> {
  const result: unknown = await tx.raw(
    `update deployment d set state = 'deploying', refused_stage = null, reason = null, updated_at = ?
     from json_to_recordset(?::json) as n(id uuid, rev bigint)
     where d.scope = ? and d.distribution_id = n.id and d.rev = n.rev
       and d.state = 'refused' and d.refused_stage <> 'compile'
     returning d.distribution_id`,
    [now, JSON.stringify(refusals), scope],
  );
  return touchedSchema.parse(result).rows.map((row) => row.distribution_id);
}
