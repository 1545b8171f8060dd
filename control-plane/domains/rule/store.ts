// The rule table. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import type { Columns } from "../../database/columns.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import type { RuleKindName } from "./kind.ts";
import { ruleKinds } from "./kinds.ts";

class RuleModel extends Model {
  static override tableName = "rule";
  static override columnNameMappers = snakeCaseMappers();
  static override jsonAttributes = ["body"];

  declare id: string;
  declare distributionId: string;
  declare accountId: string;
  declare kind: RuleKindName;
  /** From 1, without gaps, among the rules of its kind. */
  declare position: number;
  /** As its kind's schema has it. */
  declare body: object;
  declare createdBy: string | null;
  declare updatedBy: string | null;
  declare createdAt: Date;
  declare updatedAt: Date;
}
export type RuleRecord = Columns<RuleModel>;

/** The rules of several distributions in one read, by kind and position. */
export async function findRules(reads: Reads, distributionIds: readonly string[]): Promise<readonly RuleRecord[]> {
  const rows = await RuleModel.query(reads)
    .whereIn("distribution_id", [...distributionIds])
    .orderBy(["distribution_id", "kind", "position"]);
  return rows.map((row) => ({ ...row, body: ruleKinds[row.kind].bodyOf(row.body) }));
}

export async function deleteRules(tx: Tx, distributionId: string, ids: readonly string[]): Promise<void> {
  await RuleModel.query(tx)
    .delete()
    .where({ distribution_id: distributionId })
    .whereIn("id", [...ids]);
}

/** New ones and changed ones; what they are a part of and who made them stays. */
export async function upsertRules(tx: Tx, rules: readonly RuleRecord[]): Promise<void> {
  if (rules.length === 0) return;
  await RuleModel.query(tx)
    .insert([...rules])
    .onConflict("id")
    .merge(["position", "body", "updated_by", "updated_at"]);
}
