// The cache_policy table. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import type { Columns } from "../../database/columns.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import type { CacheRuleBody } from "../rule/index.ts";
import { storedRules } from "./schema.ts";

class CachePolicyModel extends Model {
  static override tableName = "cache_policy";
  static override columnNameMappers = snakeCaseMappers();
  static override jsonAttributes = ["rules"];

  declare id: string;
  declare accountId: string;
  declare name: string;
  declare description: string;
  declare rules: readonly CacheRuleBody[];
  declare createdBy: string | null;
  declare updatedBy: string | null;
  declare createdAt: Date;
  declare updatedAt: Date;
}
export type CachePolicyRecord = Columns<CachePolicyModel>;

interface Belonging {
  readonly accountId: string;
  readonly id: string;
}

export async function findPolicies(reads: Reads, accountId: string): Promise<readonly CachePolicyRecord[]> {
  const rows = await CachePolicyModel.query(reads).where({ account_id: accountId }).orderByRaw("lower(name)");
  return rows.map(parsed);
}

export async function findPolicy(reads: Reads, { accountId, id }: Belonging): Promise<CachePolicyRecord | undefined> {
  const row = await CachePolicyModel.query(reads).findOne({ id, account_id: accountId });
  return row && parsed(row);
}

/** For whoever names it: until the transaction ends, nobody deletes it. */
export async function holdPolicy(reads: Reads, { accountId, id }: Belonging): Promise<boolean> {
  const row = await CachePolicyModel.query(reads).select("id").findOne({ id, account_id: accountId }).forKeyShare();
  return row !== undefined;
}

/** For whoever changes or deletes it: two of them take turns, and those who name it are waited for. */
export async function lockPolicy(tx: Tx, { accountId, id }: Belonging): Promise<CachePolicyRecord | undefined> {
  const row = await CachePolicyModel.query(tx).findOne({ id, account_id: accountId }).forUpdate();
  return row && parsed(row);
}

/** The names and the number of an account's policies change for one writer at a time. */
export async function lockPolicyNames(tx: Tx, accountId: string): Promise<void> {
  await tx.raw("select pg_advisory_xact_lock(hashtextextended(?, 0))", [`cache-policies:${accountId}`]);
}

export async function insertPolicy(tx: Tx, policy: CachePolicyRecord): Promise<void> {
  await CachePolicyModel.query(tx).insert(policy);
}

export async function updatePolicy(tx: Tx, policy: CachePolicyRecord): Promise<void> {
  const { name, description, rules, updatedBy, updatedAt } = policy;
  await CachePolicyModel.query(tx).findById(policy.id).patch({ name, description, rules, updatedBy, updatedAt });
}

export async function deletePolicy(tx: Tx, id: string): Promise<void> {
  await CachePolicyModel.query(tx).deleteById(id);
}

function parsed(row: CachePolicyModel): CachePolicyRecord {
  return { ...row, rules: storedRules.parse(row.rules) };
}
