// What becomes of a delivery after each time that it was sent, and of a webhook that takes nothing any more.
import { hostOf } from "../../../platform/outgoing.ts";
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import { platformActor } from "../../http/caller.ts";
import { recordAudit } from "../audit/index.ts";
import { type DeliveryRecord, endDeliveries, lockDelivery, updateDelivery } from "./delivery-store.ts";
import { TEST_EVENT } from "./events.ts";
import { notify } from "./notify.ts";
import type { Answer } from "./request.ts";
import { givenUp, retryDelayMs } from "./webhook-rules.ts";
import { lockWebhook, updateWebhook, type WebhookRecord } from "./webhook-store.ts";

export interface Sent {
  readonly delivery: DeliveryRecord;
  readonly answer: Answer;
  readonly startedAt: Date;
  readonly now: Date;
}

export async function recordAttempt(db: Database, sent: Sent): Promise<void> {
  await inTransaction(db, async (tx) => {
    // The webhook first, as whoever deletes it does.
    const webhook = await lockWebhook(tx, { accountId: sent.delivery.accountId, id: sent.delivery.webhookId });
    const delivery = await lockDelivery(tx, sent.delivery.id);
    // Ended meanwhile, or sent by another process too, which believed that this one was dead.
    if (webhook === undefined || delivery?.status !== "pending") return;
    await (sent.answer.error === null ? recordSuccess(tx, webhook, sent) : recordFailure(tx, webhook, sent));
  });
}

async function recordSuccess(tx: Tx, webhook: WebhookRecord, sent: Sent): Promise<void> {
  const { delivery, now } = sent;
  const attempts = [...delivery.attempts, attemptOf(sent)];
  await updateDelivery(tx, delivery.id, { status: "delivered", attempts, nextAttemptAt: null, finishedAt: now });
  if (webhook.failingSince !== null) await updateWebhook(tx, webhook.id, { failingSince: null });
}

async function recordFailure(tx: Tx, webhook: WebhookRecord, sent: Sent): Promise<void> {
  const { delivery, answer, now } = sent;
  const attempts = [...delivery.attempts, attemptOf(sent)];
  const planned = { event: delivery.event, attempts: attempts.length, askedWaitMs: answer.retryAfterMs };
  const delayMs = retryDelayMs(planned, Math.random());
  if (delayMs === undefined) {
    await updateDelivery(tx, delivery.id, { status: "failed", attempts, nextAttemptAt: null, finishedAt: now });
  } else {
    await updateDelivery(tx, delivery.id, { attempts, nextAttemptAt: new Date(now.getTime() + delayMs) });
  }
  // Whoever tests a receiver has not built it yet.
  if (delivery.event === TEST_EVENT || !webhook.isEnabled) return;
  const failingSince = webhook.failingSince ?? now;
  if (webhook.failingSince === null) await updateWebhook(tx, webhook.id, { failingSince });
  const reason = givenUp({ failingSince, isLast: delayMs === undefined, statusCode: answer.statusCode }, now);
  if (reason !== undefined) await disable(tx, webhook, { reason, now });
}

/** Its owners are told, at the webhooks that they have besides, too. */
async function disable(tx: Tx, webhook: WebhookRecord, { reason, now }: { reason: string; now: Date }): Promise<void> {
  await updateWebhook(tx, webhook.id, { isEnabled: false, disabledReason: reason, updatedBy: null, updatedAt: now });
  await endDeliveries(tx, webhook.id, now);
  await recordAudit(tx, platformActor, {
    action: "webhook.disable",
    accountId: webhook.accountId,
    resourceType: "webhook",
    resourceId: webhook.id,
    changes: [{ pointer: "/is_enabled", before: true, after: false }],
  });
  const host = hostOf(new URL(webhook.url));
  await notify(tx, {
    accountId: webhook.accountId,
    event: "webhook.disabled",
    subject: `The webhook at ${host} is disabled`,
    text: `${reason}\n\nNothing is sent to it any more. Mend the receiver, try it with a test delivery, and enable it again.`,
    data: { webhook_id: webhook.id, host, reason },
    now,
  });
}

function attemptOf({ answer, startedAt, now }: Sent) {
  const ms = Math.max(0, now.getTime() - startedAt.getTime());
  return { at: startedAt.toISOString(), status_code: answer.statusCode, error: answer.error, ms };
}
