// What is read across owners: which accounts there are, what distributions are called, where edges stand.
import { z } from "zod";
import { type Region, regions } from "../../../edge-templates/index.ts";
import type { Reads } from "../../database/transaction.ts";

const accountRow = z.object({
  id: z.uuid(),
  name: z.string(),
  created_at: z.date(),
  deleted_at: z.date().nullable(),
});
export type AccountRow = z.output<typeof accountRow>;

/** Those that are or were, of before that time, by their ids. */
export async function findAccounts(
  reads: Reads,
  { createdBefore, after, limit }: { createdBefore: Date; after: string | undefined; limit: number },
): Promise<readonly AccountRow[]> {
  const query = reads("account")
    .select("id", "name", "created_at", "deleted_at")
    .where("created_at", "<", createdBefore)
    .orderBy("id")
    .limit(limit);
  if (after !== undefined) query.where("id", ">", after);
  const rows: unknown = await query;
  return z.array(accountRow).parse(rows);
}

const domainRow = z.object({ id: z.uuid(), domain: z.string() });

export async function findDomains(reads: Reads, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows: unknown = await reads("distribution")
    .select("id", "domain")
    .whereRaw("id = any(?)", [[...ids]]);
  return new Map(
    z
      .array(domainRow)
      .parse(rows)
      .map(({ id, domain }) => [id, domain]),
  );
}

/** In group settings that are older than regions are there is none. */
const edgeRow = z.object({ edge_id: z.uuid(), region: z.enum(regions).nullable().catch(null) });

/** Of every edge: where its group stands now; of one that is gone, where it stood at last. */
export async function findRegions(reads: Reads): Promise<ReadonlyMap<string, Region>> {
  const answer: unknown = await reads.raw(
    `select n.id as edge_id, g.settings->>'region' as region from edge_node n join edge_group g on g.id = n.group_id
     union all
     select edge_id, region from usage_edge where edge_id not in (select id from edge_node)`,
  );
  const { rows } = z.object({ rows: z.array(edgeRow) }).parse(answer);
  return new Map(rows.map(({ edge_id, region }) => [edge_id, region ?? "other"]));
}
