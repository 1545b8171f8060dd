// The distribution_version table: rows are added, one per change. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import type { Columns } from "../../database/columns.ts";
import type { NumberedRange } from "../../database/numbered-pages.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import type { Difference } from "../audit/index.ts";
import { type Configuration, configurationSchema } from "./configuration.ts";

class VersionModel extends Model {
  static override tableName = "distribution_version";
  static override columnNameMappers = snakeCaseMappers();
  static override jsonAttributes = ["configuration", "changes"];
  static override idColumn = ["distribution_id", "number"];

  declare distributionId: string;
  declare number: number;
  declare sourceVersion: number;
  declare action: string;
  declare userId: string | null;
  declare apiTokenId: string | null;
  declare createdAt: Date;
  declare configuration: Configuration;
  declare changes: readonly Difference[];
}
export type VersionRecord = Columns<VersionModel>;

export async function insertVersion(tx: Tx, version: VersionRecord): Promise<void> {
  await VersionModel.query(tx).insert(version);
}

export async function findVersion(
  reads: Reads,
  distributionId: string,
  number: number,
): Promise<VersionRecord | undefined> {
  const found = await VersionModel.query(reads).findById([distributionId, number]);
  return found && { ...found, configuration: configurationSchema.parse(found.configuration) };
}

export type ListedVersion = Omit<VersionRecord, "configuration">;

/** Newest first, from below `before`. */
export async function findVersions(
  reads: Reads,
  distributionId: string,
  { before, limit }: NumberedRange,
): Promise<readonly ListedVersion[]> {
  const query = VersionModel.query(reads)
    .select("distribution_id", "number", "source_version", "action", "user_id", "api_token_id", "created_at", "changes")
    .where({ distribution_id: distributionId })
    .orderBy("number", "desc")
    .limit(limit);
  if (before !== undefined) query.where("number", "<", before);
  return query;
}

/** The numbers of the versions that were compiled from these states of the distribution's row. */
export async function findVersionNumber(
  reads: Reads,
  distributionId: string,
  sourceVersion: number,
): Promise<number | undefined> {
  const newest = await VersionModel.query(reads)
    .where({ distribution_id: distributionId })
    .where("source_version", "<=", sourceVersion)
    .orderBy("number", "desc")
    .select("number")
    .first();
  return newest?.number;
}
