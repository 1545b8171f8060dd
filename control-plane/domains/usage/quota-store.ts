// The quotas that operators have set. The model stays in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import type { Columns } from "../../database/columns.ts";
import type { Reads, Tx } from "../../database/transaction.ts";

class UsageQuotaModel extends Model {
  static override tableName = "usage_quota";
  static override columnNameMappers = snakeCaseMappers();
  static override idColumn = "account_id";

  declare accountId: string;
  declare requests: number | null;
  declare bytes: number | null;
  declare cutsOff: boolean;
  declare updatedBy: string | null;
  declare createdAt: Date;
  declare updatedAt: Date;
}
export type UsageQuotaRecord = Columns<UsageQuotaModel>;

export async function findOwnQuota(reads: Reads, accountId: string): Promise<UsageQuotaRecord | undefined> {
  return UsageQuotaModel.query(reads).findById(accountId);
}

export async function upsertQuota(tx: Tx, quota: UsageQuotaRecord): Promise<void> {
  const { requests, bytes, cutsOff, updatedBy, updatedAt } = quota;
  await UsageQuotaModel.query(tx)
    .insert(quota)
    .onConflict("account_id")
    .merge({ requests, bytes, cutsOff, updatedBy, updatedAt });
}

export async function deleteQuota(tx: Tx, accountId: string): Promise<void> {
  await UsageQuotaModel.query(tx).deleteById(accountId);
}
