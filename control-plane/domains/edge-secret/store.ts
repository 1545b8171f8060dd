// Which distribution needs which secret, per edge group.
import type { Reads, Tx } from "../../database/transaction.ts";

interface UseRow {
  readonly scope: string;
  readonly secret_id: string;
  readonly distribution_id: string;
}

/** Distributions with secrets in this group, in the order of their ids. */
export async function findUsers(
  reads: Reads,
  scope: string,
  page: { after: string | null; limit: number },
): Promise<readonly string[]> {
  const query = reads<UseRow>("edge_secret_use")
    .distinct("distribution_id")
    .where({ scope })
    .orderBy("distribution_id")
    .limit(page.limit);
  if (page.after !== null) query.where("distribution_id", ">", page.after);
  return (await query).map((row) => row.distribution_id);
}

/** The group is no more. */
export async function deleteUses(tx: Tx, scope: string): Promise<void> {
  await tx("edge_secret_use").where({ scope }).delete();
}
