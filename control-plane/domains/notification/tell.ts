// Makes letters and deliveries of a notification: letters to the owners and admins of the account, deliveries to its webhooks.
// In one transaction with the mark that it was told: a worker that dies in the middle tells nobody, and the next one tells
// everybody once.
import { randomUUID } from "node:crypto";
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { findAccount, findPeopleInCharge } from "../account/index.ts";
import type { Letter, Post } from "../mail/index.ts";
import { insertDelivery } from "./delivery-store.ts";
import { WITHOUT_LETTER } from "./events.ts";
import { deliverDue } from "./jobs.ts";
import { bodyOf, type Told } from "./message.ts";
import { lockNotification, type NotificationRecord, setTold } from "./store.ts";
import { wants } from "./webhook-rules.ts";
import { holdEnabledWebhooks, type WebhookRecord } from "./webhook-store.ts";

export interface Telling {
  readonly db: Database;
  readonly post: Post;
  readonly clock: () => Date;
}

export async function tell({ db, post, clock }: Telling, notificationId: string): Promise<void> {
  await inTransaction(db, async (tx) => {
    const notification = await lockNotification(tx, notificationId);
    if (notification === undefined || notification.toldAt !== null) return;
    const now = clock();
    const account = await findAccount(tx, notification.accountId);
    if (account !== undefined) {
      const people = WITHOUT_LETTER.has(notification.event) ? [] : await findPeopleInCharge(tx, account.id);
      for (const email of people) await post.post(tx, letterOf(notification, { email, accountName: account.name }));
      await deliverToAll(tx, notification, now);
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
  await insertDelivery(tx, {
    ...{ id, webhookId, accountId, event: told.event, body: bodyOf(told) },
    ...{ status: "pending", attempts: [], nextAttemptAt: now, claimedUntil: null, createdAt: now, finishedAt: null },
  });
  await enqueueJob(tx, deliverDue, {});
  return id;
}

function letterOf(
  { subject, body }: NotificationRecord,
  { email, accountName }: { email: string; accountName: string },
): Letter {
  return {
    to: email,
    subject,
    paragraphs: ["Hello,", ...body.split("\n\n")],
    closing: `You get this because you are an owner or an admin of ${accountName}.`,
  };
}
