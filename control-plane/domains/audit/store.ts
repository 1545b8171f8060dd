// The audit_entry table, to which rows are only ever added. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import type { Columns } from "../../database/columns.ts";
import type { Tx } from "../../database/transaction.ts";
import type { Difference } from "./rules.ts";

class AuditEntryModel extends Model {
  static override tableName = "audit_entry";
  static override columnNameMappers = snakeCaseMappers();
  static override jsonAttributes = ["changes"];

  declare id: string;
  declare accountId: string | null;
  declare userId: string | null;
  declare apiTokenId: string | null;
  declare requestId: string | null;
  declare clientAddress: string | null;
  declare action: string;
  declare resourceType: string;
  declare resourceId: string;
  declare changes: readonly Difference[];
  declare createdAt: Date;
}
export type AuditEntryRecord = Columns<AuditEntryModel>;

/** The database's own clock says when: it is what orders entries of several processes. */
export async function insertAuditEntry(tx: Tx, entry: Omit<AuditEntryRecord, "createdAt">): Promise<void> {
  await AuditEntryModel.query(tx).insert(entry);
}
