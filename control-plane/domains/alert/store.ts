// The alert table. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import { z } from "zod";
import type { Columns } from "../../database/columns.ts";
import { NEWEST_FIRST, PAGE_KEY, type PageQuery, rowsAfter } from "../../database/paging.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import { type Condition, conditionKept } from "./condition.ts";
import type { AlertState } from "./state.ts";

class AlertModel extends Model {
  static override tableName = "alert";
  static override columnNameMappers = snakeCaseMappers();
  static override jsonAttributes = ["condition", "mailMembers", "covered"];

  declare id: string;
  declare accountId: string;
  /** Null: all that the account has. */
  declare distributionId: string | null;
  declare name: string;
  declare description: string;
  declare condition: Condition;
  declare raiseAfterMinutes: number;
  declare resolveAfterMinutes: number;
  declare mailInCharge: boolean;
  /** Ids of users. */
  declare mailMembers: readonly string[];
  declare mutedUntil: Date | null;
  declare isEnabled: boolean;
  /** In words, when the platform disabled it. */
  declare disabledReason: string | null;
  declare status: AlertState["status"];
  declare since: Date;
  declare holdingSince: Date | null;
  declare clearSince: Date | null;
  declare judgedUntil: Date | null;
  declare value: number | null;
  declare reason: string | null;
  declare covered: readonly string[];
  /** Whether the last that people and programs were told is that it is raised. */
  declare isTold: boolean;
  declare createdBy: string | null;
  declare updatedBy: string | null;
  declare createdAt: Date;
  declare updatedAt: Date;
  /** Only where a page was asked for. */
  declare pageKey?: string;
}
export type AlertRecord = Omit<Columns<AlertModel>, "pageKey">;
export type AlertChanges = Partial<Omit<AlertRecord, "id" | "accountId" | "createdBy" | "createdAt">>;

interface Belonging {
  readonly accountId: string;
  readonly id: string;
}

export async function insertAlert(tx: Tx, alert: AlertRecord): Promise<void> {
  await AlertModel.query(tx).insert(alert);
}

export async function findAlert(reads: Reads, { accountId, id }: Belonging): Promise<AlertRecord | undefined> {
  const row = await AlertModel.query(reads).findOne({ id, account_id: accountId });
  return row && parsed(row);
}

/** One more than the page holds. */
export async function findAlerts(
  reads: Reads,
  { accountId, distributionId }: { accountId: string; distributionId: string | undefined },
  page: PageQuery,
): Promise<readonly (AlertRecord & { readonly page_key: string })[]> {
  const query = AlertModel.query(reads)
    .select("*", AlertModel.raw(PAGE_KEY))
    .where({ account_id: accountId })
    .whereRaw(...rowsAfter(page))
    .orderByRaw(NEWEST_FIRST)
    .limit(page.limit + 1);
  if (distributionId !== undefined) query.where({ distribution_id: distributionId });
  return (await query).map((row) => ({ ...parsed(row), page_key: row.pageKey ?? "" }));
}

export async function findAlertsById(reads: Reads, ids: readonly string[]): Promise<readonly AlertRecord[]> {
  const rows = await AlertModel.query(reads)
    .whereIn("id", [...ids])
    .orderBy("id");
  return rows.map(parsed);
}

/** For whoever changes it: two of them take turns. */
export async function lockAlert(tx: Tx, { accountId, id }: Belonging): Promise<AlertRecord | undefined> {
  const row = await AlertModel.query(tx).findOne({ id, account_id: accountId }).forNoKeyUpdate();
  return row && parsed(row);
}

/** Those of these that are there, in the order of their ids, so that two who lock some take turns. */
export async function lockAlerts(tx: Tx, ids: readonly string[]): Promise<readonly AlertRecord[]> {
  const rows = await AlertModel.query(tx)
    .whereIn("id", [...ids])
    .orderBy("id")
    .forNoKeyUpdate();
  return rows.map(parsed);
}

export async function updateAlert(tx: Tx, id: string, changes: AlertChanges): Promise<void> {
  await AlertModel.query(tx).findById(id).patch(changes);
}

/** Its history goes with it. */
export async function deleteAlert(tx: Tx, id: string): Promise<void> {
  await AlertModel.query(tx).deleteById(id);
}

/** Counts to be compared take turns: held until the transaction ends. */
export async function lockCounts(tx: Tx, accountId: string): Promise<void> {
  await tx.raw("select pg_advisory_xact_lock(hashtextextended(?, 0))", [`alerts of:${accountId}`]);
}

export async function countAlerts(tx: Tx, accountId: string): Promise<number> {
  return AlertModel.query(tx).where({ account_id: accountId }).resultSize();
}

function parsed({ pageKey: _, ...row }: AlertModel): AlertRecord {
  return {
    ...row,
    condition: conditionKept.parse(row.condition),
    mailMembers: z.array(z.string()).parse(row.mailMembers),
    covered: z.array(z.string()).parse(row.covered),
  };
}
