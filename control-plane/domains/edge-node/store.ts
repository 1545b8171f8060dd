// Edge nodes. Models stay in this file; others see records, whose JSON columns were parsed on the way out.
import { Model, snakeCaseMappers } from "objection";
import { z } from "zod";
import {
  type Capabilities,
  capabilitiesSchema,
  nodeStates,
  type ReportRequest,
  reportRequestSchema,
} from "../../../agents/contract.ts";
import { NEWEST_FIRST, PAGE_KEY, type PageQuery, rowsAfter } from "../../database/paging.ts";
import type { Reads, Tx } from "../../database/transaction.ts";

const NODES_MAX = 10_000;
const nodeStateSchema = z.enum(nodeStates);

class EdgeNodeModel extends Model {
  static override tableName = "edge_node";
  static override columnNameMappers = snakeCaseMappers();

  declare id: string;
  declare groupId: string;
  declare name: string;
  declare address: string | null;
  declare state: string;
  declare version: number;
  declare capabilities: unknown;
  declare publicKey: string | null;
  declare report: unknown;
  declare feedId: string | null;
  declare applied: number;
  declare reportedAt: Date | null;
  declare logBehindSince: Date | null;
  declare createdAt: Date;
  /** Only where a page was asked for. */
  declare pageKey?: string;
}

export type NodeState = (typeof nodeStates)[number];

export interface EdgeNodeRecord {
  readonly id: string;
  readonly groupId: string;
  readonly name: string;
  /** Where the edges of child groups reach it. */
  readonly address: string | null;
  readonly state: NodeState;
  /** Rises with each change of what edges are told of it. */
  readonly version: number;
  readonly capabilities: Capabilities;
  readonly report: ReportRequest | null;
  readonly reportedAt: Date | null;
  readonly createdAt: Date;
}

export async function listNodes(
  reads: Reads,
  page: PageQuery & { groupId?: string | undefined },
): Promise<readonly (EdgeNodeRecord & { page_key: string })[]> {
  const query = EdgeNodeModel.query(reads)
    .select("edge_node.*", EdgeNodeModel.raw(PAGE_KEY))
    .whereRaw(...rowsAfter(page))
    .orderByRaw(NEWEST_FIRST)
    .limit(page.limit + 1);
  if (page.groupId !== undefined) query.where({ group_id: page.groupId });
  return (await query).map((row) => ({ ...nodeRecord(row), page_key: row.pageKey ?? "" }));
}

export async function insertNode(
  tx: Tx,
  node: { id: string; groupId: string; name: string; capabilities: Capabilities; createdAt: Date },
): Promise<void> {
  await EdgeNodeModel.query(tx).insert(node);
}

/** What edges are told of it: the version rises with it. */
export async function updateNode(
  tx: Tx,
  id: string,
  { name, address, state }: Pick<EdgeNodeRecord, "name" | "address" | "state">,
): Promise<void> {
  await EdgeNodeModel.query(tx)
    .patch({ name, address, state, version: EdgeNodeModel.raw("version + 1") })
    .where({ id });
}

/** Its certificates go with it. */
export async function deleteNode(tx: Tx, id: string): Promise<void> {
  await EdgeNodeModel.query(tx).deleteById(id);
}

export async function findNode(reads: Reads, id: string): Promise<EdgeNodeRecord | undefined> {
  const row = await EdgeNodeModel.query(reads).findById(id);
  return row && nodeRecord(row);
}

/** An agent that enrols again has lost what it reported. */
export async function resetNode(tx: Tx, id: string, capabilities: Capabilities): Promise<void> {
  await EdgeNodeModel.query(tx)
    .patch({ capabilities, report: null, feedId: null, reportedAt: null, logBehindSince: null })
    .where({ id });
}

export async function updatePublicKey(tx: Tx, id: string, publicKey: string): Promise<void> {
  await EdgeNodeModel.query(tx).patch({ publicKey }).where({ id });
}

/** The nodes of a group whose public key is known. */
export async function findNodeKeys(
  reads: Reads,
  groupId: string,
): Promise<readonly { readonly edgeId: string; readonly publicKey: string }[]> {
  const rows = await EdgeNodeModel.query(reads)
    .select("id", "public_key")
    .where({ group_id: groupId })
    .whereNotNull("public_key")
    .orderBy("id")
    .limit(NODES_MAX);
  return rows.flatMap(({ id, publicKey }) => (publicKey === null ? [] : [{ edgeId: id, publicKey }]));
}

/** Whoever gives an edge of the group a name takes turns with others who do. */
export async function lockNames(tx: Tx, groupId: string): Promise<void> {
  await tx.raw("select pg_advisory_xact_lock(hashtextextended(?, 0))", [`edge-names:${groupId}`]);
}

export async function lockNodeByName(
  tx: Tx,
  key: { groupId: string; name: string },
): Promise<EdgeNodeRecord | undefined> {
  const row = await EdgeNodeModel.query(tx).findOne({ group_id: key.groupId, name: key.name }).forUpdate();
  return row && nodeRecord(row);
}

export async function lockNode(tx: Tx, id: string): Promise<EdgeNodeRecord | undefined> {
  const row = await EdgeNodeModel.query(tx).findById(id).forUpdate();
  return row && nodeRecord(row);
}

export async function updateReport(
  tx: Tx,
  id: string,
  { report, feedId }: { report: ReportRequest; feedId: string | null },
  now: Date,
): Promise<void> {
  const { applied, capabilities } = report;
  const since = report.logs?.behind_since ?? null;
  const logBehindSince = since === null ? null : new Date(since);
  await EdgeNodeModel.query(tx)
    .patch({ report, feedId, applied, capabilities, reportedAt: now, logBehindSince })
    .where({ id });
}

export async function findNodesOfGroup(reads: Reads, groupId: string): Promise<readonly EdgeNodeRecord[]> {
  const rows = await EdgeNodeModel.query(reads).where({ group_id: groupId }).orderBy("name").limit(NODES_MAX);
  return rows.map(nodeRecord);
}

/** By group. */
export async function findNodeIds(
  reads: Reads,
  groupIds: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await EdgeNodeModel.query(reads)
    .select("id", "group_id")
    .whereIn("group_id", groupIds)
    .orderBy("id")
    .limit(NODES_MAX);
  const byGroup = new Map<string, string[]>();
  for (const { id, groupId } of rows) {
    const ids = byGroup.get(groupId) ?? [];
    ids.push(id);
    byGroup.set(groupId, ids);
  }
  return byGroup;
}

/** Has a node of the group reported since, and of the feed that is? */
export async function hasReportedSince(
  reads: Reads,
  { group, since }: { group: string; since: Date },
): Promise<boolean> {
  const row: unknown = await reads("edge_node")
    .join("edge_group", "edge_group.id", "edge_node.group_id")
    .where("edge_group.name", group)
    .where("edge_node.reported_at", ">=", since)
    .whereNotNull("edge_node.feed_id")
    .first("edge_node.id");
  return row !== undefined;
}

/** Nodes seen since, that refuse something. */
export async function findRefusingNodes(
  reads: Reads,
  groupId: string,
  seenSince: Date,
): Promise<readonly EdgeNodeRecord[]> {
  const rows = await EdgeNodeModel.query(reads)
    .where({ group_id: groupId })
    .where("reported_at", ">", seenSince)
    .whereRaw("jsonb_array_length(report->'refused') > 0")
    .limit(NODES_MAX);
  return rows.map(nodeRecord);
}

/** The nodes of these groups that refuse their group's nginx files. */
export async function findStructureRefusers(
  reads: Reads,
  groupIds: readonly string[],
): Promise<readonly EdgeNodeRecord[]> {
  const rows = await EdgeNodeModel.query(reads)
    .whereIn("group_id", groupIds)
    .whereRaw(`report->'refused' @> '[{"kind": "structure"}]'`)
    .orderBy("name")
    .limit(NODES_MAX);
  return rows.map(nodeRecord);
}

export async function findCapabilitiesOfGroup(reads: Reads, groupId: string): Promise<readonly Capabilities[]> {
  const rows = await EdgeNodeModel.query(reads).distinct("capabilities").where({ group_id: groupId }).limit(NODES_MAX);
  return rows.map((row) => capabilitiesSchema.parse(row.capabilities));
}

const progressSchema = z.object({ group_id: z.uuid(), nodes: z.number(), live: z.number(), applied: z.number() });

/** Per group: its nodes, those seen since, and the revision of the feed that all of these have applied. */
export interface GroupProgress {
  readonly nodes: number;
  readonly live: number;
  /** 0 when nobody is live, or one who is follows another feed. */
  readonly applied: number;
}

export async function findProgress(
  reads: Reads,
  { feedId, seenSince, groupId }: { feedId: string; seenSince: Date; groupId?: string },
): Promise<ReadonlyMap<string, GroupProgress>> {
  const rows: unknown = await reads("edge_node")
    .select("group_id")
    .select(
      reads.raw(
        `count(*)::int as nodes,
         count(*) filter (where reported_at > :seenSince)::int as live,
         coalesce(min(case when feed_id = :feedId then applied else 0 end) filter (where reported_at > :seenSince), 0)
           as applied`,
        { seenSince, feedId },
      ),
    )
    .modify((query) => {
      if (groupId !== undefined) query.where({ group_id: groupId });
    })
    .groupBy("group_id");
  return new Map(
    z
      .array(progressSchema)
      .parse(rows)
      .map(({ group_id, ...progress }) => [group_id, progress]),
  );
}

const countsSchema = z.tuple([z.object({ nodes: z.number(), live: z.number() })]);

/** All nodes, and those that were heard of since. */
export async function countNodes(
  reads: Reads,
  since: Date,
): Promise<{ readonly nodes: number; readonly live: number }> {
  const rows: unknown = await reads("edge_node").select(
    reads.raw("count(*)::int as nodes, count(*) filter (where reported_at > ?)::int as live", [since]),
  );
  return countsSchema.parse(rows)[0];
}

function nodeRecord(row: EdgeNodeModel): EdgeNodeRecord {
  const { id, groupId, name, address, version, reportedAt, createdAt } = row;
  return {
    ...{ id, groupId, name, address, version, reportedAt, createdAt },
    state: nodeStateSchema.parse(row.state),
    capabilities: capabilitiesSchema.parse(row.capabilities),
    report: reportRequestSchema.nullable().parse(row.report),
  };
}
