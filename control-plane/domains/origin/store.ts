// The origin table. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import type { Columns } from "../../database/columns.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import type { HealthCheck } from "./schema.ts";

export type Balancer = "failover" | "round_robin" | "weighted" | "consistent_hash";

class OriginModel extends Model {
  static override tableName = "origin";
  static override columnNameMappers = snakeCaseMappers();
  static override jsonAttributes = ["healthCheck"];

  declare id: string;
  declare distributionId: string;
  declare accountId: string;
  declare position: number;
  declare label: string;
  declare url: string;
  declare type: "custom" | "s3";
  declare loadBalancerType: Balancer;
  declare protocol: "http" | "https";
  declare port: number;
  declare isPrimary: boolean;
  declare weight: number;
  declare hostHeader: string;
  declare isTlsVerified: boolean;
  declare connectTimeoutSeconds: number;
  declare readTimeoutSeconds: number;
  declare healthCheck: HealthCheck | null;
  declare s3Type: "aws" | "other" | null;
  declare s3Style: "path" | "virtual" | null;
  declare s3Region: string | null;
  declare s3BucketName: string | null;
  declare s3StorageHostname: string | null;
  declare s3AccessKeyId: string | null;
  declare s3SecretId: string | null;
  declare createdBy: string | null;
  declare updatedBy: string | null;
  declare createdAt: Date;
  declare updatedAt: Date;
  declare gotipathDeletedAt: Date | null;
}
export type OriginRecord = Columns<OriginModel>;

export async function storeOrigins(tx: Tx, origins: readonly OriginRecord[]): Promise<void> {
  await OriginModel.query(tx).insert([...origins]);
}

export async function deleteOrigins(tx: Tx, distributionId: string): Promise<void> {
  await OriginModel.query(tx).delete().where({ distribution_id: distributionId });
}

/** No edge asks them any more. */
export async function markOriginsLetGo(tx: Tx, distributionId: string, gotipathDeletedAt: Date): Promise<void> {
  await OriginModel.query(tx).patch({ gotipathDeletedAt }).where({ distribution_id: distributionId });
}

/** The origins of several distributions in one read; primary first, then in the customer's order. */
export async function findOrigins(reads: Reads, distributionIds: readonly string[]): Promise<readonly OriginRecord[]> {
  return OriginModel.query(reads)
    .whereIn("distribution_id", [...distributionIds])
    .orderBy([{ column: "is_primary", order: "desc" }, "position", "id"]);
}
