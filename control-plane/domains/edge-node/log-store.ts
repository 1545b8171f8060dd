// How far edges are with sending their access logs, and what of them is gone for good.
import { z } from "zod";
import type { LogStanding } from "../../../agents/contract.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import { believableLoss, LOSSES_KEPT_MS } from "./rules.ts";

/** What an edge tells of again is there already; what no report is asked about any more goes. */
export async function insertLogLosses(
  tx: Tx,
  { edgeId, losses, now }: { edgeId: string; losses: LogStanding["losses"]; now: Date },
): Promise<void> {
  await tx("edge_log_loss")
    .where("written_to", "<", new Date(now.getTime() - LOSSES_KEPT_MS))
    .delete();
  const believable = losses.map((loss) => believableLoss(loss, now)).filter((loss) => loss !== undefined);
  if (believable.length === 0) return;
  await tx("edge_log_loss")
    .insert(
      believable.map(({ at, from, to, lines }) => ({
        ...{ edge_id: edgeId, lines },
        ...{ lost_at: new Date(at), written_from: new Date(from), written_to: new Date(to) },
      })),
    )
    .onConflict(["edge_id", "lost_at"])
    .ignore();
}

interface LogBehind {
  readonly edgeId: string;
  /** When the oldest line was written that has not arrived. */
  readonly since: Date;
}

const BEHIND_MAX = 1_000;

/** Nodes that were heard of since `seenSince` and whose log lines wait since before `before`; longest first. */
export async function listLogsBehind(
  reads: Reads,
  { seenSince, before }: { seenSince: Date; before: Date },
): Promise<readonly LogBehind[]> {
  const rows: unknown = await reads("edge_node")
    .where("reported_at", ">=", seenSince)
    .where("log_behind_since", "<", before)
    .orderBy("log_behind_since")
    .limit(BEHIND_MAX)
    .select("id", "log_behind_since");
  return behindSchema.parse(rows).map((row) => ({ edgeId: row.id, since: row.log_behind_since }));
}

const behindSchema = z.array(z.object({ id: z.string(), log_behind_since: z.date() }));
