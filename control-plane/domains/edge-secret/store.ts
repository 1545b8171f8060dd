// Which distribution needs which secret, per edge group.
import { z } from "zod";
import type { Reads, Tx } from "../../database/transaction.ts";

interface UseRow {
  readonly scope: string;
  readonly secret_id: string;
  readonly distribution_id: string;
}

export interface SecretUse {
  readonly distributionId: string;
  readonly secretId: string;
}

const releasedSchema = z.object({ rows: z.array(z.object({ secret_id: z.uuid() })) });

/** These distributions need these secrets and no others. Answers the secrets that none needs any more. */
export async function replaceUses(
  tx: Tx,
  scope: string,
  distributionIds: readonly string[],
  uses: readonly SecretUse[],
): Promise<readonly string[]> {
  const rows = uses.map(({ distributionId, secretId }) => ({
    scope,
    secret_id: secretId,
    distribution_id: distributionId,
  }));
  if (rows.length > 0) await tx<UseRow>("edge_secret_use").insert(rows).onConflict().ignore();
  const result: unknown = await tx.raw(
    `with gone as (
       delete from edge_secret_use u where u.scope = :scope and u.distribution_id = any(:distributions::uuid[])
         and not exists (select from json_populate_recordset(null::edge_secret_use, :rows::json) n
                         where n.secret_id = u.secret_id and n.distribution_id = u.distribution_id)
       returning u.secret_id, u.distribution_id)
     select distinct g.secret_id from gone g
     where not exists (select from edge_secret_use u where u.scope = :scope and u.secret_id = g.secret_id
                         and (u.secret_id, u.distribution_id) not in (select secret_id, distribution_id from gone))`,
    { scope, distributions: distributionIds, rows: JSON.stringify(rows) },
  );
  return releasedSchema.parse(result).rows.map((row) => row.secret_id);
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
