// Edge groups and their versions. Models stay in this file; others see records, whose JSON columns were parsed on the way
// out.
import { Model, snakeCaseMappers } from "objection";
import { z } from "zod";
import { type Capabilities, capabilitiesSchema } from "../../../agents/contract.ts";
import { type EdgeGroupSettings, edgeGroupSettingsSchema } from "../../../edge-templates/index.ts";
import type { Columns } from "../../database/columns.ts";
import type { NumberedRange } from "../../database/numbered-pages.ts";
import { NEWEST_FIRST, PAGE_KEY, type PageQuery, rowsAfter } from "../../database/paging.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import type { Difference } from "../audit/index.ts";
import { type GroupConfiguration, groupConfigurationSchema } from "./group-schema.ts";

const GROUPS_MAX = 10_000;

const samplesSchema = z.array(z.looseObject({ sample: z.int().nullable() }));

class EdgeGroupModel extends Model {
  static override tableName = "edge_group";
  static override columnNameMappers = snakeCaseMappers();

  declare id: string;
  declare name: string;
  declare settings: unknown;
  declare isCanary: boolean;
  declare capabilities: unknown;
  declare version: number;
  declare configurationVersion: number;
  declare createdAt: Date;
  declare updatedAt: Date;
  /** Only where a page was asked for. */
  declare pageKey?: string;
}

export interface EdgeGroupRecord {
  readonly id: string;
  readonly name: string;
  readonly settings: EdgeGroupSettings;
  /** What a new compiler makes comes to this group first. */
  readonly isCanary: boolean;
  /** Null until the first node has said what it can do. */
  readonly capabilities: Capabilities | null;
  /** Rises with each change of anything that the group's nginx files are rendered from. */
  readonly version: number;
  /** The number of the newest version that operators see. */
  readonly configurationVersion: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

class EdgeGroupVersionModel extends Model {
  static override tableName = "edge_group_version";
  static override columnNameMappers = snakeCaseMappers();
  static override jsonAttributes = ["configuration", "changes"];
  static override idColumn = ["group_id", "number"];

  declare groupId: string;
  declare number: number;
  declare action: string;
  declare userId: string | null;
  declare apiTokenId: string | null;
  declare createdAt: Date;
  declare configuration: GroupConfiguration;
  declare changes: readonly Difference[];
}
export type EdgeGroupVersion = Columns<EdgeGroupVersionModel>;

/** Whoever decides by what the other groups are (names, parents, the canary) takes turns with others who do. */
export async function lockGroups(tx: Tx): Promise<readonly EdgeGroupRecord[]> {
  await tx.raw("select pg_advisory_xact_lock(hashtextextended('edge-groups', 0))");
  return findGroups(tx);
}

export async function insertGroup(
  tx: Tx,
  group: Pick<EdgeGroupRecord, "id" | "name" | "settings" | "isCanary" | "configurationVersion" | "createdAt">,
): Promise<void> {
  await EdgeGroupModel.query(tx).insert({ ...group, updatedAt: group.createdAt });
}

/**
 * Held until the transaction ends: two writers of one group take turns. Not with those who only name it, such as whoever
 * appends to its feed: they hold other rows that writers come to want.
 */
export async function lockGroup(tx: Tx, id: string): Promise<EdgeGroupRecord | undefined> {
  const row = await EdgeGroupModel.query(tx).findById(id).forNoKeyUpdate();
  return row && groupRecord(row);
}

/** For whoever deletes it: waits for those who name it too. */
export async function lockGroupWhole(tx: Tx, id: string): Promise<EdgeGroupRecord | undefined> {
  const row = await EdgeGroupModel.query(tx).findById(id).forUpdate();
  return row && groupRecord(row);
}

/** For whoever names it: until the transaction ends, nobody deletes it. Answers those of the ids that are there. */
export async function holdGroups(tx: Tx, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await EdgeGroupModel.query(tx).select("id").whereIn("id", ids).orderBy("id").forKeyShare();
  return new Set(rows.map(({ id }) => id));
}

/** `version` rises with every change: what was rendered from before is known to be old. */
export async function updateGroup(
  tx: Tx,
  id: string,
  changes:
    | Pick<EdgeGroupRecord, "name" | "settings" | "isCanary" | "configurationVersion">
    | { readonly capabilities: Capabilities },
  now: Date,
): Promise<void> {
  await EdgeGroupModel.query(tx)
    .patch({ ...changes, version: EdgeGroupModel.raw("version + 1"), updatedAt: now })
    .where({ id });
}

/** With all that its edges were told: see the references of the migration. */
export async function deleteGroup(tx: Tx, id: string): Promise<void> {
  await EdgeGroupModel.query(tx).deleteById(id);
}

export async function findGroup(reads: Reads, id: string): Promise<EdgeGroupRecord | undefined> {
  const row = await EdgeGroupModel.query(reads).findById(id);
  return row && groupRecord(row);
}

/** All of them, by id. */
export async function findGroups(reads: Reads): Promise<readonly EdgeGroupRecord[]> {
  const rows = await EdgeGroupModel.query(reads).orderBy("id").limit(GROUPS_MAX);
  return rows.map(groupRecord);
}

export async function listGroups(
  reads: Reads,
  page: PageQuery,
): Promise<readonly (EdgeGroupRecord & { page_key: string })[]> {
  const rows = await EdgeGroupModel.query(reads)
    .select("edge_group.*", EdgeGroupModel.raw(PAGE_KEY))
    .whereRaw(...rowsAfter(page))
    .orderByRaw(NEWEST_FIRST)
    .limit(page.limit + 1);
  return rows.map((row) => ({ ...groupRecord(row), page_key: row.pageKey ?? "" }));
}

export async function insertGroupVersion(tx: Tx, version: EdgeGroupVersion): Promise<void> {
  await EdgeGroupVersionModel.query(tx).insert(version);
}

export async function findGroupVersion(
  reads: Reads,
  groupId: string,
  number: number,
): Promise<EdgeGroupVersion | undefined> {
  const row = await EdgeGroupVersionModel.query(reads).findById([groupId, number]);
  return row && { ...row, configuration: groupConfigurationSchema.parse(row.configuration) };
}

/** Newest first, from below `before`. */
export async function findGroupVersions(
  reads: Reads,
  groupId: string,
  { before, limit }: NumberedRange,
): Promise<readonly EdgeGroupVersion[]> {
  const query = EdgeGroupVersionModel.query(reads).where({ group_id: groupId }).orderBy("number", "desc").limit(limit);
  if (before !== undefined) query.where("number", "<", before);
  return (await query).map((row) => ({ ...row, configuration: groupConfigurationSchema.parse(row.configuration) }));
}

/** What a line of the group's log may count for: its sample, or one that it had in a former version. */
export async function findSamples(reads: Reads, groupId: string): Promise<ReadonlySet<number>> {
  const group = await findGroup(reads, groupId);
  const former: unknown = await EdgeGroupVersionModel.query(reads)
    .distinct(EdgeGroupVersionModel.raw("configuration #> '{settings,logs,one_in}' as sample"))
    .where({ group_id: groupId });
  const samples = samplesSchema.parse(former).map(({ sample }) => sample ?? 1);
  return new Set(group === undefined ? samples : [group.settings.logs.one_in, ...samples]);
}

function groupRecord(row: EdgeGroupModel): EdgeGroupRecord {
  const { id, name, isCanary, version, configurationVersion, createdAt, updatedAt } = row;
  return {
    ...{ id, name, isCanary, version, configurationVersion, createdAt, updatedAt },
    settings: edgeGroupSettingsSchema.parse(row.settings),
    capabilities: capabilitiesSchema.nullable().parse(row.capabilities),
  };
}
