// Why a group's edges have a thing: the distributions that need it there. One table for each kind of thing.
import { z } from "zod";
import type { Tx } from "../../database/transaction.ts";

/** The tables, and the column of each that names the thing. */
const THINGS = { edge_secret_use: "secret_id", edge_certificate_use: "certificate_id" } as const;

export interface Use {
  readonly distributionId: string;
  readonly usedId: string;
}

const releasedSchema = z.object({ rows: z.array(z.object({ used_id: z.uuid() })) });

/** These distributions need these things and no others. Answers the things that none needs any more. */
export async function replaceUses(
  tx: Tx,
  { table, scope }: { table: keyof typeof THINGS; scope: string },
  distributionIds: readonly string[],
  uses: readonly Use[],
): Promise<readonly string[]> {
  const thing = THINGS[table];
  const rows = uses.map(({ distributionId, usedId }) => ({ scope, [thing]: usedId, distribution_id: distributionId }));
  if (rows.length > 0) await tx(table).insert(rows).onConflict().ignore();
  const result: unknown = await tx.raw(
    `with gone as (
       delete from :table: u where u.scope = :scope and u.distribution_id = any(:distributions::uuid[])
         and not exists (select from json_populate_recordset(cast(null as :table:), :rows::json) n
                         where n.:thing: = u.:thing: and n.distribution_id = u.distribution_id)
       returning u.:thing:, u.distribution_id)
     select distinct g.:thing: as used_id from gone g
     where not exists (select from :table: u where u.scope = :scope and u.:thing: = g.:thing:
                         and (u.:thing:, u.distribution_id) not in (select :thing:, distribution_id from gone))`,
    { table, thing, scope, distributions: distributionIds, rows: JSON.stringify(rows) },
  );
  return releasedSchema.parse(result).rows.map((row) => row.used_id);
}
