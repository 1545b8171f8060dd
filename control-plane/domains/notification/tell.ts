// Makes deliveries of a notification to the account's webhooks, in one transaction with the mark that it was told: a worker
// that dies in the middle tells nobody, and the next one tells everybody once.
import { randomUUID } from "node:crypto";
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { findAccount } from "../account/index.ts";
import { countWaiting, insertDelivery } from "./delivery-store.ts";
import { deliverDue, writeLetters } from "./jobs.ts";
import { bodyOf, type Told } from "./message.ts";
import { lockNotification, type NotificationRecord, setTold } from "./store.ts";
import { wants } from "./webhook-rules.ts";
import { holdEnabledWebhooks, type WebhookRecord } from "./webhook-store.ts";

/** For one webhook: whoever takes nothing for a day must not make others wait. */
const WAITING_MAX = 5_000;

export async function tell(
  { db, clock }: { readonly db: Database; readonly clock: () => Date },
  notificationId: string,
): Promise<void> {
  await inTransaction(db, async (tx) => {
    const notification = await lockNotification(tx, notificationId);
    if (notification === undefined || notification.toldAt !== null) return;
    const { accountId, wantsLetter } = notification;
    const now = clock();
    if ((await findAccount(tx, accountId)) !== undefined) {
      await deliverToAll(tx, notification, now);
      if (wantsLetter) await enqueueJob(tx, writeLetters, { account_id: accountId });
    }
    await setTold(tx, notificationId, now);
  });
}

async function deliverToAll(tx: Tx, notification: NotificationRecord, now: Date): Promise<void> {
  const { accountId, event, createdAt: at, details: data } = notification;
  const webhooks = (await holdEnabledWebhooks(tx, accountId)).filter(({ events }) => wants(events, event));
  for (const webhook of webhooks) await addDelivery(tx, webhook, { event, at, data }, now);
}

/** Answers its id. */
export async function addDelivery(
  tx: Tx,
  { id: webhookId, accountId }: Pick<WebhookRecord, "id" | "accountId">,
  told: Told,
  now: Date,
): Promise<string> {
  const id = randomUUID();
  const isTooMuch = (await countWaiting(tx, webhookId, WAITING_MAX)) >= WAITING_MAX;
  await insertDelivery(tx, {
    ...{ id, webhookId, accountId, event: told.event, body: bodyOf(told), createdAt: now, claimedUntil: null },
    ...(isTooMuch
      ? { status: "failed", attempts: [unsent(now)], nextAttemptAt: null, finishedAt: now }
      : { status: "pending", attempts: [], nextAttemptAt: now, finishedAt: null }),
  });
  if (!isTooMuch) await enqueueJob(tx, deliverDue, {});
  return id;
}

function unsent(now: Date) {
  const error = `It was not sent: ${WAITING_MAX} others wait for this webhook already.`;
  return { at: now.toISOString(), status_code: null, error, ms: 0 };
}
