// Which months are closed as a whole. The model stays in this file.
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

export async function insertClosing(tx: Tx, month: Month, closedAt: Date): Promise<void> {
  await UsageClosingModel.query(tx).insert({ month, closedAt }).onConflict("month").ignore();
}
