// The webhook_delivery table: what goes to a webhook, and what became of it. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import { z } from "zod";
import type { Columns } from "../../database/columns.ts";
import { NEWEST_FIRST, PAGE_KEY, type PageQuery, rowsAfter } from "../../database/paging.ts";
import type { Database, Reads, Tx } from "../../database/transaction.ts";

export const deliveryStatuses = ["pending", "delivered", "failed"] as const;

/** One time that it was sent. */
export const deliveryAttempt = z.object({
  at: z.string(),
  /** Null: nobody answered. */
  status_code: z.int().nullable(),
  /** In words; null: it was taken. */
  error: z.string().nullable(),
  ms: z.int(),
});
type DeliveryAttempt = z.output<typeof deliveryAttempt>;

class DeliveryModel extends Model {
  static override tableName = "webhook_delivery";
  static override columnNameMappers = snakeCaseMappers();
  static override jsonAttributes = ["attempts"];

  declare id: string;
  declare webhookId: string;
  declare accountId: string;
  declare event: string;
  /** The very bytes that are signed. */
  declare body: string;
  declare status: (typeof deliveryStatuses)[number];
  /** The latest last. */
  declare attempts: DeliveryAttempt[];
  /** Null: it is over. */
  declare nextAttemptAt: Date | null;
  /** Until when the process that sends it is believed to live. */
  declare claimedUntil: Date | null;
  declare createdAt: Date;
  declare finishedAt: Date | null;
  /** Only where a page was asked for. */
  declare pageKey?: string;
}
export type DeliveryRecord = Omit<Columns<DeliveryModel>, "pageKey">;

interface Belonging {
  readonly webhookId: string;
  readonly id: string;
}

export async function insertDelivery(tx: Tx, delivery: DeliveryRecord): Promise<void> {
  await DeliveryModel.query(tx).insert(delivery);
}

export async function findDelivery(reads: Reads, { webhookId, id }: Belonging): Promise<DeliveryRecord | undefined> {
  const row = await DeliveryModel.query(reads).findOne({ id, webhook_id: webhookId });
  return row && parsed(row);
}

/** One more than the page holds. */
export async function findDeliveries(
  reads: Reads,
  { webhookId, status }: { webhookId: string; status: DeliveryRecord["status"] | undefined },
  page: PageQuery,
): Promise<readonly (DeliveryRecord & { readonly page_key: string })[]> {
  const query = DeliveryModel.query(reads)
    .select("*", DeliveryModel.raw(PAGE_KEY))
    .where({ webhook_id: webhookId })
    .whereRaw(...rowsAfter(page))
    .orderByRaw(NEWEST_FIRST)
    .limit(page.limit + 1);
  if (status !== undefined) query.where({ status });
  return (await query).map((row) => ({ ...parsed(row), page_key: row.pageKey ?? "" }));
}

const claimedSchema = z.object({ rows: z.array(z.object({ id: z.uuid() })) });

/**
 * The delivery that has been due for longest, for this process alone until the claim ends. An account that has `ofAccountMax`
 * on their way already waits: its receivers may be slow, and others come next.
 */
export async function claimDelivery(
  db: Database,
  { now, until, ofAccountMax }: { now: Date; until: Date; ofAccountMax: number },
): Promise<DeliveryRecord | undefined> {
  const claimed: unknown = await db.raw(
    `update webhook_delivery set claimed_until = :until where id = (
       select due.id from webhook_delivery due
       where due.next_attempt_at <= :now and (due.claimed_until is null or due.claimed_until <= :now)
         and due.account_id not in (
           select account_id from webhook_delivery where claimed_until > :now
           group by account_id having count(*) >= :ofAccountMax)
       order by due.next_attempt_at limit 1 for update skip locked
     ) returning id`,
    { now, until, ofAccountMax },
  );
  const id = claimedSchema.parse(claimed).rows[0]?.id;
  const row = id === undefined ? undefined : await DeliveryModel.query(db).findById(id);
  return row && parsed(row);
}

/** The row, held until the transaction ends. */
export async function lockDelivery(tx: Tx, id: string): Promise<DeliveryRecord | undefined> {
  const row = await DeliveryModel.query(tx).findById(id).forUpdate();
  return row && parsed(row);
}

type Progress = Pick<DeliveryRecord, "status" | "attempts" | "nextAttemptAt" | "finishedAt">;

/** Whatever becomes of it, the claim is over. */
export async function updateDelivery(tx: Tx, id: string, progress: Partial<Progress>): Promise<void> {
  await DeliveryModel.query(tx)
    .findById(id)
    .patch({ ...progress, claimedUntil: null });
}

/** Nobody sends them any more. */
export async function endDeliveries(tx: Tx, webhookId: string, now: Date): Promise<void> {
  await DeliveryModel.query(tx)
    .patch({ status: "failed", nextAttemptAt: null, claimedUntil: null, finishedAt: now })
    .where({ webhook_id: webhookId, status: "pending" });
}

/** Up to `max`: more are not counted. */
export async function countWaiting(tx: Tx, webhookId: string, max: number): Promise<number> {
  const waiting = tx("webhook_delivery").select("id").where({ webhook_id: webhookId }).whereNotNull("next_attempt_at");
  const counted: unknown = await tx.count({ waiting: "*" }).from(waiting.limit(max).as("those")).first();
  return z.object({ waiting: z.int() }).parse(counted).waiting;
}

export async function countDeliveriesSince(
  tx: Tx,
  { accountId, event, since }: { accountId: string; event: string; since: Date },
): Promise<number> {
  return DeliveryModel.query(tx).where({ account_id: accountId, event }).where("created_at", ">", since).resultSize();
}

/** Whatever became of them. */
export async function forgetDeliveries(tx: Tx, before: Date): Promise<void> {
  await DeliveryModel.query(tx).delete().where("created_at", "<", before);
}

function parsed({ pageKey: _, ...row }: DeliveryModel): DeliveryRecord {
  return { ...row, attempts: z.array(deliveryAttempt).parse(row.attempts) };
}
