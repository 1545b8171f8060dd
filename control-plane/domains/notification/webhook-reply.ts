// Webhooks and their deliveries, from rows to the wire.
import type { DeliveryRecord } from "./delivery-store.ts";
import type { DeliveryReply, WebhookReply } from "./webhook-schema.ts";
import type { WebhookRecord } from "./webhook-store.ts";

export function webhookToReply(webhook: WebhookRecord): WebhookReply {
  return {
    ...decidedOf(webhook),
    failing_since: webhook.failingSince?.toISOString() ?? null,
  };
}

/** What If-Match guards: all but how it goes with deliveries. */
export function decidedOf(webhook: WebhookRecord): Omit<WebhookReply, "failing_since"> {
  return {
    id: webhook.id,
    url: webhook.url,
    description: webhook.description,
    events: [...webhook.events],
    is_enabled: webhook.isEnabled,
    disabled_reason: webhook.disabledReason,
    former_secret_until: webhook.previousUntil?.toISOString() ?? null,
    created_by: webhook.createdBy,
    updated_by: webhook.updatedBy,
    created_at: webhook.createdAt.toISOString(),
    updated_at: webhook.updatedAt.toISOString(),
  };
}

export function deliveryToReply(delivery: DeliveryRecord): DeliveryReply {
  return {
    id: delivery.id,
    webhook_id: delivery.webhookId,
    event: delivery.event,
    status: delivery.status,
    attempts: [...delivery.attempts],
    next_attempt_at: delivery.nextAttemptAt?.toISOString() ?? null,
    created_at: delivery.createdAt.toISOString(),
    finished_at: delivery.finishedAt?.toISOString() ?? null,
  };
}
