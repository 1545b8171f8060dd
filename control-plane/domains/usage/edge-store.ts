// Where edges stand: looked at every minute, and kept of those that are gone, since their traffic is billed until its month
// is closed.
import { z } from "zod";
import { type Region, regions } from "../../../edge-templates/index.ts";
import type { Reads, Tx } from "../../database/transaction.ts";

/** In group settings that are older than regions are there is none. */
const STANDING_NOW = `select n.id as edge_id, coalesce(g.settings->>'region', 'other') as region
  from edge_node n join edge_group g on g.id = n.group_id`;

const edgeRow = z.object({ edge_id: z.uuid(), region: z.enum(regions).catch("other") });

export async function noteEdges(tx: Tx): Promise<void> {
  await tx.raw(
    `insert into usage_edge (edge_id, region) ${STANDING_NOW}
     on conflict (edge_id) do update set region = excluded.region where usage_edge.region <> excluded.region`,
  );
}

/** Of every edge: where its group stands now; of one that is gone, where it stood at last. */
export async function findRegions(reads: Reads): Promise<ReadonlyMap<string, Region>> {
  const answer: unknown = await reads.raw(
    `${STANDING_NOW} union all
     select edge_id, region from usage_edge where edge_id not in (select id from edge_node)`,
  );
  const { rows } = z.object({ rows: z.array(edgeRow) }).parse(answer);
  return new Map(rows.map(({ edge_id, region }) => [edge_id, region]));
}
