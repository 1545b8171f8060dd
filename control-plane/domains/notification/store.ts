// The notification table. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import type { Columns } from "../../database/columns.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import type { NotificationEvent } from "./events.ts";
import { type Recipients, recipientsSchema } from "./recipients.ts";

class NotificationModel extends Model {
  static override tableName = "notification";
  static override columnNameMappers = snakeCaseMappers();
  static override jsonAttributes = ["details", "recipients"];

  declare id: string;
  declare accountId: string;
  declare event: NotificationEvent;
  declare subject: string;
  /** Paragraphs, with a blank line between. */
  declare body: string;
  declare details: Record<string, unknown>;
  declare once: string | null;
  declare createdAt: Date;
  /** When it was made into deliveries. */
  declare toldAt: Date | null;
  /** Whether people are told, too. */
  declare wantsLetter: boolean;
  declare letteredAt: Date | null;
  /** Who gets letters of it; null: the owners and admins. */
  declare recipients: Recipients | null;
  declare isUrgent: boolean;
}
export type NotificationRecord = Columns<NotificationModel>;

/** False: the account was told already. */
export async function insertNotification(tx: Tx, notification: NotificationRecord): Promise<boolean> {
  await NotificationModel.query(tx).insert(notification).onConflict(["account_id", "once"]).ignore();
  return (await NotificationModel.query(tx).findById(notification.id)) !== undefined;
}

/** Whether the account was told this once, or is about to be. */
export async function wasTold(
  reads: Reads,
  { accountId, once }: { accountId: string; once: string },
): Promise<boolean> {
  const told = await NotificationModel.query(reads).select("id").findOne({ account_id: accountId, once });
  return told !== undefined;
}

/** The row, held until the transaction ends: of two who tell it, the second finds it told. */
export async function lockNotification(tx: Tx, id: string): Promise<NotificationRecord | undefined> {
  return NotificationModel.query(tx).findById(id).forUpdate();
}

export async function setTold(tx: Tx, id: string, now: Date): Promise<void> {
  await NotificationModel.query(tx).findById(id).patch({ toldAt: now });
}

/** Letters of one account are written by one worker at a time: held until the transaction ends. */
export async function lockLetters(tx: Tx, accountId: string): Promise<void> {
  await tx.raw("select pg_advisory_xact_lock(hashtextextended(?, 0))", [`letters to:${accountId}`]);
}

export async function wasWrittenSince(tx: Tx, accountId: string, since: Date): Promise<boolean> {
  const written = await NotificationModel.query(tx)
    .select("id")
    .where({ account_id: accountId })
    .where("lettered_at", ">", since)
    .first();
  return written !== undefined;
}

/** What people are still to be told, the oldest first. */
export async function findUnwritten(tx: Tx, accountId: string, limit: number): Promise<readonly NotificationRecord[]> {
  const rows = await NotificationModel.query(tx)
    .where({ account_id: accountId, wants_letter: true })
    .whereNull("lettered_at")
    .orderBy(["created_at", "id"])
    .limit(limit);
  return rows.map((row) => ({ ...row, recipients: recipientsSchema.nullable().parse(row.recipients) }));
}

/** Whether something waits that people should not wait long for. */
export async function hasUrgent(tx: Tx, accountId: string): Promise<boolean> {
  const urgent = await NotificationModel.query(tx)
    .select("id")
    .where({ account_id: accountId, wants_letter: true, is_urgent: true })
    .whereNull("lettered_at")
    .first();
  return urgent !== undefined;
}

export async function setWritten(tx: Tx, ids: readonly string[], now: Date): Promise<void> {
  await NotificationModel.query(tx)
    .patch({ letteredAt: now })
    .whereIn("id", [...ids]);
}

/** With something to be written, and no letter since: of what is urgent, since another time. */
export async function findAccountsToWriteTo(
  reads: Reads,
  { since, urgentSince }: { since: Date; urgentSince: Date },
  limit: number,
): Promise<readonly string[]> {
  const rows = await NotificationModel.query(reads)
    .alias("news")
    .distinct("news.account_id")
    .where({ "news.wants_letter": true })
    .whereNull("news.lettered_at")
    .whereNotExists(
      NotificationModel.query(reads)
        .alias("written")
        .whereColumn("written.account_id", "news.account_id")
        .whereRaw("written.lettered_at > case when news.is_urgent then ?::timestamptz else ?::timestamptz end", [
          urgentSince,
          since,
        ]),
    )
    .limit(limit);
  return rows.map(({ accountId }) => accountId);
}

/** Those that were told: what is said once would be said again after this, so it must be longer than anybody says it. */
export async function forgetTold(tx: Tx, before: Date): Promise<void> {
  await NotificationModel.query(tx).delete().where("created_at", "<", before).whereNotNull("told_at");
}
