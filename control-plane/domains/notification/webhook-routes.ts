// Webhooks over HTTP. For admins: what accounts are told is not for everybody in them, and a receiver's URL is often as good
// as a password.
import { z } from "zod";
import { pageOf, pageQuery, pageSchema } from "../../database/paging.ts";
import { defineRoute, type RequestFacts, type Route } from "../../http/define-route.ts";
import { assertDecidedIfMatch, etagOfParts } from "../../http/etag.ts";
import { tooManyTests, tooManyWebhooks, unknownDelivery, unknownWebhook } from "./problems.ts";
import { decidedOf, deliveryToReply, webhookToReply } from "./webhook-reply.ts";
import {
  deliveryParams,
  deliveryQuery,
  deliveryReply,
  rotationInput,
  webhookInput,
  webhookParams,
  webhookPatch,
  webhookReply,
  webhookWithSecret,
  wholeDeliveryReply,
} from "./webhook-schema.ts";
import type { WebhookService } from "./webhook-service.ts";
import type { WebhookRecord } from "./webhook-store.ts";

const tag = "Webhooks";
const reading = { kind: "account", role: "admin", scope: "webhooks:read" } as const;
const writing = { kind: "account", role: "admin", scope: "webhooks:write" } as const;

export function webhookRoutes(webhooks: WebhookService): Route[] {
  return [...changingRoutes(webhooks), ...readingRoutes(webhooks), ...deliveryRoutes(webhooks)];
}

function changingRoutes(webhooks: WebhookService): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/webhooks",
      operationId: "createWebhook",
      tag,
      summary:
        "Have a program of yours told what happens; the secret that deliveries are signed with is shown this once",
      access: writing,
      body: webhookInput,
      reply: { status: 201, body: webhookWithSecret },
      problems: [tooManyWebhooks],
      async handle({ body, caller }) {
        const { webhook, secret } = await webhooks.create(caller, body);
        const headers = { location: `/api/v1/webhooks/${webhook.id}` };
        return { headers, body: { ...webhookToReply(webhook), secret } };
      },
    }),
    defineRoute({
      method: "PATCH",
      path: "/webhooks/{id}",
      operationId: "updateWebhook",
      tag,
      summary: "Change what the merge patch names; disabled, it is sent nothing, and what waits for it is given up",
      access: writing,
      ifMatch: true,
      params: webhookParams,
      body: webhookPatch,
      reply: { status: 200, body: webhookReply },
      problems: [unknownWebhook],
      async handle({ params, body, caller, facts }) {
        return tagged(await webhooks.update(caller, params.id, body, asRead(facts)));
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/webhooks/{id}",
      operationId: "deleteWebhook",
      tag,
      summary: "Delete a webhook with the history of its deliveries",
      access: writing,
      ifMatch: true,
      params: webhookParams,
      reply: { status: 204, empty: true },
      problems: [unknownWebhook],
      async handle({ params, caller, facts }) {
        await webhooks.remove(caller, params.id, asRead(facts));
        return {};
      },
    }),
    defineRoute({
      method: "POST",
      path: "/webhooks/{id}/rotate-secret",
      operationId: "rotateWebhookSecret",
      tag,
      summary: "Another secret, shown this once; for a while deliveries are signed with both",
      access: writing,
      params: webhookParams,
      body: rotationInput,
      reply: { status: 200, body: webhookWithSecret },
      problems: [unknownWebhook],
      async handle({ params, body, caller }) {
        const { webhook, secret } = await webhooks.rotateSecret(caller, params.id, body);
        return { body: { ...webhookToReply(webhook), secret } };
      },
    }),
  ];
}

function readingRoutes(webhooks: WebhookService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/webhooks",
      operationId: "listWebhooks",
      tag,
      summary: "The account's webhooks, newest first",
      access: reading,
      query: z.object(pageQuery),
      reply: { status: 200, body: pageSchema(webhookReply) },
      async handle({ query, caller }) {
        return { body: pageOf(await webhooks.list(caller, query), query, webhookToReply) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/webhooks/{id}",
      operationId: "getWebhook",
      tag,
      summary: "One webhook, without its secret",
      access: reading,
      params: webhookParams,
      reply: { status: 200, body: webhookReply },
      problems: [unknownWebhook],
      async handle({ params, caller }) {
        return tagged(await webhooks.get(caller, params.id));
      },
    }),
  ];
}

function deliveryRoutes(webhooks: WebhookService): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/webhooks/{id}/test",
      operationId: "testWebhook",
      tag,
      summary: "Send a test, once; its delivery tells what the receiver answered",
      access: writing,
      params: webhookParams,
      reply: { status: 202, body: deliveryReply },
      problems: [unknownWebhook, tooManyTests],
      async handle({ params, caller }) {
        const delivery = await webhooks.sendTest(caller, params.id);
        const headers = { location: `/api/v1/webhooks/${params.id}/deliveries/${delivery.id}` };
        return { headers, body: deliveryToReply(delivery) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/webhooks/{id}/deliveries",
      operationId: "listWebhookDeliveries",
      tag,
      summary: "What was sent to it in the last 30 days, newest first, and what it answered",
      access: reading,
      params: webhookParams,
      query: deliveryQuery,
      reply: { status: 200, body: pageSchema(deliveryReply) },
      problems: [unknownWebhook],
      async handle({ params, query, caller }) {
        const deliveries = await webhooks.listDeliveries(caller, params.id, query);
        return { body: pageOf(deliveries, query, deliveryToReply) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/webhooks/{id}/deliveries/{delivery_id}",
      operationId: "getWebhookDelivery",
      tag,
      summary: "One delivery, with what was posted",
      access: reading,
      params: deliveryParams,
      reply: { status: 200, body: wholeDeliveryReply },
      problems: [unknownWebhook, unknownDelivery],
      async handle({ params, caller }) {
        const delivery = await webhooks.getDelivery(caller, params.id, params.delivery_id);
        return { body: { ...deliveryToReply(delivery), body: delivery.body } };
      },
    }),
  ];
}

/** That it fails just now is not what a change of it is about. */
function tagged(webhook: WebhookRecord) {
  const body = webhookToReply(webhook);
  return { headers: { etag: etagOfParts({ decided: decidedOf(webhook), body }) }, body };
}

/** With If-Match, the webhook must still be the one that was read. */
function asRead(facts: RequestFacts): (current: WebhookRecord) => void {
  return (current) => assertDecidedIfMatch(facts, decidedOf(current));
}
