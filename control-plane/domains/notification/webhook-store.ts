// The webhook table. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import { z } from "zod";
import { type Sealed, sealedSchema } from "../../../platform/seal.ts";
import type { Columns } from "../../database/columns.ts";
import { NEWEST_FIRST, PAGE_KEY, type PageQuery, rowsAfter } from "../../database/paging.ts";
import type { Reads, Tx } from "../../database/transaction.ts";

class WebhookModel extends Model {
  static override tableName = "webhook";
  static override columnNameMappers = snakeCaseMappers();
  static override jsonAttributes = ["events", "sealed", "previousSealed"];

  declare id: string;
  declare accountId: string;
  declare url: string;
  declare description: string;
  /** Names of events, or `*`. */
  declare events: string[];
  declare isEnabled: boolean;
  /** In words, when the platform disabled it. */
  declare disabledReason: string | null;
  declare sealed: Sealed;
  /** The secret before, which signs too until then. */
  declare previousSealed: Sealed | null;
  declare previousUntil: Date | null;
  /** The first of the failures since the last success. */
  declare failingSince: Date | null;
  declare createdBy: string | null;
  declare updatedBy: string | null;
  declare createdAt: Date;
  declare updatedAt: Date;
  /** Only where a page was asked for. */
  declare pageKey?: string;
}
export type WebhookRecord = Omit<Columns<WebhookModel>, "pageKey">;
export type WebhookChanges = Partial<Omit<WebhookRecord, "id" | "accountId" | "createdBy" | "createdAt">>;

interface Belonging {
  readonly accountId: string;
  readonly id: string;
}

export async function insertWebhook(tx: Tx, webhook: WebhookRecord): Promise<void> {
  await WebhookModel.query(tx).insert(webhook);
}

export async function findWebhook(reads: Reads, { accountId, id }: Belonging): Promise<WebhookRecord | undefined> {
  const row = await WebhookModel.query(reads).findOne({ id, account_id: accountId });
  return row && parsed(row);
}

/** One more than the page holds. */
export async function findWebhooks(
  reads: Reads,
  accountId: string,
  page: PageQuery,
): Promise<readonly (WebhookRecord & { readonly page_key: string })[]> {
  const rows = await WebhookModel.query(reads)
    .select("*", WebhookModel.raw(PAGE_KEY))
    .where({ account_id: accountId })
    .whereRaw(...rowsAfter(page))
    .orderByRaw(NEWEST_FIRST)
    .limit(page.limit + 1);
  return rows.map((row) => ({ ...parsed(row), page_key: row.pageKey ?? "" }));
}

/** Those that the account has enabled. Nobody deletes one of them before the transaction ends. */
export async function holdEnabledWebhooks(tx: Tx, accountId: string): Promise<readonly WebhookRecord[]> {
  const rows = await WebhookModel.query(tx)
    .where({ account_id: accountId, is_enabled: true })
    .orderBy("id")
    .forKeyShare();
  return rows.map(parsed);
}

/** For whoever changes it: two of them take turns. */
export async function lockWebhook(tx: Tx, { accountId, id }: Belonging): Promise<WebhookRecord | undefined> {
  const row = await WebhookModel.query(tx).findOne({ id, account_id: accountId }).forNoKeyUpdate();
  return row && parsed(row);
}

export async function updateWebhook(tx: Tx, id: string, changes: WebhookChanges): Promise<void> {
  await WebhookModel.query(tx).findById(id).patch(changes);
}

/** Its deliveries go with it. */
export async function deleteWebhook(tx: Tx, id: string): Promise<void> {
  await WebhookModel.query(tx).deleteById(id);
}

/** Counts to be compared take turns: held until the transaction ends. */
export async function lockCounts(tx: Tx, accountId: string): Promise<void> {
  await tx.raw("select pg_advisory_xact_lock(hashtextextended(?, 0))", [`webhooks of:${accountId}`]);
}

export async function countWebhooks(tx: Tx, accountId: string): Promise<number> {
  return WebhookModel.query(tx).where({ account_id: accountId }).resultSize();
}

/** Former secrets whose time is over. */
export async function forgetFormerSecrets(tx: Tx, now: Date): Promise<void> {
  await WebhookModel.query(tx).patch({ previousSealed: null, previousUntil: null }).where("previous_until", "<=", now);
}

function parsed({ pageKey: _, ...row }: WebhookModel): WebhookRecord {
  return {
    ...row,
    events: z.array(z.string()).parse(row.events),
    sealed: sealedSchema.parse(row.sealed),
    previousSealed: sealedSchema.nullable().parse(row.previousSealed),
  };
}
