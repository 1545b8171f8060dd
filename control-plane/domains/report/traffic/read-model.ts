// What reports read of other domains' tables: which lines of the edges are gone for good.
import { z } from "zod";
import type { Reads } from "../../../database/transaction.ts";
import type { Scope } from "./sql.ts";
import type { Period } from "./zone.ts";

/**
 * How many lines edges gave up that had been written in this time, as far as they may be of this scope: whose they were is
 * lost with them, and no edge speaks for accounts that its group never carried. Which group an edge was in that is gone is not known
 * any more, so what it lost counts for all. A loss that reaches beyond the period counts whole.
 */
export async function findLostLines(reads: Reads, { from, to }: Period, scope: Scope): Promise<number> {
  const losses = reads("edge_log_loss").where("written_to", ">=", from).where("written_from", "<", to);
  const row: unknown = await losses
    .where((either) =>
      either
        .whereIn("edge_id", reads("edge_node").select("id").whereIn("group_id", groupsCarrying(reads, scope)))
        .orWhereNotExists(reads("edge_node").select("id").whereRaw("edge_node.id = edge_log_loss.edge_id")),
    )
    .sum("lines as lines")
    .first();
  return sumSchema.parse(row).lines;
}

const sumSchema = z.object({ lines: z.coerce.number() });

/** The groups that carry some of it, or have carried it. */
function groupsCarrying(reads: Reads, { accountIds, distributionIds }: Scope) {
  if (accountIds === "all" && distributionIds === "all") return reads("edge_group").select("id");
  const carried = reads("deployment")
    .join("distribution", "distribution.id", "deployment.distribution_id")
    .where("deployment.rev", ">", 0)
    .select("deployment.scope");
  if (accountIds !== "all") carried.whereIn("distribution.account_id", [...accountIds]);
  if (distributionIds !== "all") carried.whereIn("distribution.id", [...distributionIds]);
  return carried;
}
