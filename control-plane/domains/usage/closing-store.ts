// Which months are closed: for all but the accounts that were left open then. The model stays in this file.
import { Model, snakeCaseMappers } from "objection";
import type { Reads, Tx } from "../../database/transaction.ts";
import type { Month } from "./month.ts";

class UsageClosingModel extends Model {
  static override tableName = "usage_closing";
  static override columnNameMappers = snakeCaseMappers();
  static override idColumn = "month";

  declare month: string;
  declare closedAt: Date;
}

export async function isClosed(reads: Reads, month: Month): Promise<boolean> {
  return (await UsageClosingModel.query(reads).findById(month)) !== undefined;
}

/** Those of them that are closed. */
export async function findClosings(reads: Reads, months: readonly Month[]): Promise<ReadonlySet<Month>> {
  const rows = await UsageClosingModel.query(reads).findByIds([...months]);
  return new Set(rows.map(({ month }) => month));
}

export async function insertClosing(tx: Tx, month: Month, closedAt: Date): Promise<void> {
  await UsageClosingModel.query(tx).insert({ month, closedAt }).onConflict("month").ignore();
}
