// The alert_event table: the history of alerts. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import type { Columns } from "../../database/columns.ts";
import { NEWEST_FIRST, PAGE_KEY, type PageQuery, rowsAfter } from "../../database/paging.ts";
import type { Reads, Tx } from "../../database/transaction.ts";

export const alertEventKinds = ["raised", "resolved", "tested"] as const;

class AlertEventModel extends Model {
  static override tableName = "alert_event";
  static override columnNameMappers = snakeCaseMappers();

  declare id: string;
  declare alertId: string;
  declare accountId: string;
  declare kind: (typeof alertEventKinds)[number];
  declare value: number | null;
  /** In words. */
  declare reason: string;
  declare isMuted: boolean;
  /** The end of what was judged. */
  declare at: Date;
  declare createdAt: Date;
  /** Only where a page was asked for. */
  declare pageKey?: string;
}
export type AlertEventRecord = Omit<Columns<AlertEventModel>, "pageKey">;

export async function insertEvent(tx: Tx, event: AlertEventRecord): Promise<void> {
  await AlertEventModel.query(tx).insert(event);
}

/** One more than the page holds. */
export async function findEvents(
  reads: Reads,
  { alertId, kind }: { alertId: string; kind: AlertEventRecord["kind"] | undefined },
  page: PageQuery,
): Promise<readonly (AlertEventRecord & { readonly page_key: string })[]> {
  const query = AlertEventModel.query(reads)
    .select("*", AlertEventModel.raw(PAGE_KEY))
    .where({ alert_id: alertId })
    .whereRaw(...rowsAfter(page))
    .orderByRaw(NEWEST_FIRST)
    .limit(page.limit + 1);
  if (kind !== undefined) query.where({ kind });
  return (await query).map(({ pageKey = "", ...row }) => ({ ...row, page_key: pageKey }));
}

export async function countTestsSince(tx: Tx, accountId: string, since: Date): Promise<number> {
  return AlertEventModel.query(tx)
    .where({ account_id: accountId, kind: "tested" })
    .where("created_at", ">", since)
    .resultSize();
}

export async function forgetEvents(tx: Tx, before: Date): Promise<void> {
  await AlertEventModel.query(tx).delete().where("created_at", "<", before);
}
