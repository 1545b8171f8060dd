// What is sent to a webhook: its body, and the headers that prove whose it is (Standard Webhooks 1.0).
import { Webhook } from "standardwebhooks";
import type { Seal, Sealed } from "../../../platform/seal.ts";
import type { DeliveryRecord } from "./delivery-store.ts";
import type { Message } from "./request.ts";
import type { WebhookRecord } from "./webhook-store.ts";

export interface Told {
  readonly event: string;
  readonly at: Date;
  readonly data: Readonly<Record<string, unknown>>;
}

export function bodyOf({ event, at, data }: Told): string {
  return JSON.stringify({ type: event, timestamp: at.toISOString(), data });
}

/** The id is that of the delivery, so that a receiver knows a repetition by it. */
export function messageOf(
  delivery: Pick<DeliveryRecord, "id" | "body">,
  webhook: WebhookRecord,
  { seal, now }: { seal: Seal; now: Date },
): Message {
  const { id, body } = delivery;
  const signatures = secretsOf(webhook, seal, now).map((secret) => new Webhook(secret).sign(id, now, body));
  return {
    url: webhook.url,
    headers: {
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(body)),
      "user-agent": "Edgewright-Webhooks/1",
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
      "webhook-signature": signatures.join(" "),
    },
    body,
  };
}

export function sealSecret(seal: Seal, secret: string, webhook: Pick<WebhookRecord, "id" | "accountId">): Sealed {
  return seal.seal(secret, contextOf(webhook));
}

/** The one before signs too, until its time is over. */
function secretsOf(webhook: WebhookRecord, seal: Seal, now: Date): readonly string[] {
  const { sealed, previousSealed, previousUntil } = webhook;
  const isOverlap = previousSealed !== null && previousUntil !== null && now < previousUntil;
  return [sealed, ...(isOverlap ? [previousSealed] : [])].map((value) => seal.open(value, contextOf(webhook)));
}

function contextOf({ id, accountId }: Pick<WebhookRecord, "id" | "accountId">): string {
  return `webhook:${accountId}:${id}`;
}
