// Webhooks and their deliveries, on the wire.
import { z } from "zod";
import { pageQuery } from "../../database/paging.ts";
import { givenId } from "../../http/given-id.ts";
import { lineOfText } from "../../http/plain-text.ts";
import { deliveryAttempt, deliveryStatuses } from "./delivery-store.ts";
import { notificationEvents } from "./events.ts";

const URL_LENGTH_MAX = 2_000;
const DESCRIPTION_LENGTH_MAX = 255;
const OVERLAP_HOURS_MAX = 168;
const OVERLAP_HOURS_DEFAULT = 24;

const wanted = z.enum(["*", ...notificationEvents], {
  error: `must be * or one of ${notificationEvents.join(", ")}.`,
});

const exampleWebhook = {
  id: "5b0a3f1e-7f0e-4c52-9f7e-2d9f3c1a6b77",
  url: "https://hooks.example.com/edgewright",
  description: "Tells the people on duty",
  events: ["certificate.expiring", "certificate.failed"],
  is_enabled: true,
  disabled_reason: null,
  failing_since: null,
  former_secret_until: null,
  created_by: "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
  updated_by: "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
  created_at: "2026-03-01T12:00:00.000Z",
  updated_at: "2026-03-01T12:00:00.000Z",
};
const exampleSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDQ4x9QfL9vZk=";

const fields = {
  url: z
    .string()
    .max(URL_LENGTH_MAX, { error: `must have at most ${URL_LENGTH_MAX} characters.` })
    .meta({
      description:
        "Where deliveries are posted to: https, without user and password. Redirects are not followed; addresses of private networks are refused.",
    }),
  description: lineOfText(DESCRIPTION_LENGTH_MAX).or(z.literal("")),
  events: z
    .array(wanted)
    .min(1, { error: "must name at least one event, or *." })
    .max(notificationEvents.length + 1, { error: "must name each event once at most." })
    .refine((events) => new Set(events).size === events.length, { error: "must name each event once at most." })
    .meta({ description: "`*`: all, and those that are still to come." }),
  is_enabled: z.boolean(),
};

export const webhookInput = z
  .strictObject({ ...fields, description: fields.description.default(""), is_enabled: fields.is_enabled.default(true) })
  .meta({
    id: "WebhookInput",
    examples: [{ url: exampleWebhook.url, description: exampleWebhook.description, events: ["certificate.expiring"] }],
  });
export type WebhookInput = z.output<typeof webhookInput>;

/** RFC 7396: what is absent stays. */
export const webhookPatch = z
  .strictObject(fields)
  .partial()
  .meta({ id: "WebhookPatch", examples: [{ is_enabled: true }] });
export type WebhookPatch = z.output<typeof webhookPatch>;

export const webhookReply = z
  .object({
    id: z.uuid(),
    url: z.string(),
    description: z.string(),
    events: z.array(z.string()),
    is_enabled: z.boolean(),
    disabled_reason: z.string().nullable().meta({ description: "In words, when the platform disabled it." }),
    failing_since: z.string().nullable().meta({ description: "The first of the failures since the last success." }),
    former_secret_until: z
      .string()
      .nullable()
      .meta({ description: "Until then deliveries are signed with the former secret, too." }),
    created_by: z.uuid().nullable(),
    updated_by: z.uuid().nullable().meta({ description: "Null: the platform itself." }),
    created_at: z.string(),
    updated_at: z.string(),
  })
  .meta({ id: "Webhook", examples: [exampleWebhook] });
export type WebhookReply = z.input<typeof webhookReply>;

export const webhookWithSecret = webhookReply
  .extend({
    secret: z.string().meta({
      description:
        "Shown this once. Deliveries are signed with it as standardwebhooks.com says: any of its libraries verifies them.",
    }),
  })
  .meta({ id: "WebhookWithSecret", examples: [{ ...exampleWebhook, secret: exampleSecret }] });

export const rotationInput = z
  .strictObject({
    overlap_hours: z
      .int()
      .min(0, { error: "must be 0 or more." })
      .max(OVERLAP_HOURS_MAX, { error: `must be ${OVERLAP_HOURS_MAX} at most.` })
      .default(OVERLAP_HOURS_DEFAULT)
      .meta({ description: "For how long deliveries are signed with the former secret beside the new one." }),
  })
  .meta({ id: "WebhookSecretRotation", examples: [{ overlap_hours: OVERLAP_HOURS_DEFAULT }] });
export type RotationInput = z.output<typeof rotationInput>;

const exampleDelivery = {
  id: "e1b2c3d4-0a1b-4c2d-8e3f-4a5b6c7d8e9f",
  webhook_id: exampleWebhook.id,
  event: "certificate.expiring",
  status: "delivered" as const,
  attempts: [{ at: "2026-03-01T12:00:00.000Z", status_code: 204, error: null, ms: 81 }],
  next_attempt_at: null,
  created_at: "2026-03-01T12:00:00.000Z",
  finished_at: "2026-03-01T12:00:00.081Z",
};

export const deliveryReply = z
  .object({
    id: z.uuid().meta({ description: "As in the header `webhook-id`: the same each time that it is sent." }),
    webhook_id: z.uuid(),
    event: z.string(),
    status: z.enum(deliveryStatuses),
    attempts: z.array(deliveryAttempt).meta({ description: "The latest last." }),
    next_attempt_at: z.string().nullable(),
    created_at: z.string(),
    finished_at: z.string().nullable(),
  })
  .meta({ id: "WebhookDelivery", examples: [exampleDelivery] });
export type DeliveryReply = z.input<typeof deliveryReply>;

export const wholeDeliveryReply = deliveryReply
  .extend({ body: z.string().meta({ description: "What is posted." }) })
  .meta({
    id: "WholeWebhookDelivery",
    examples: [
      {
        ...exampleDelivery,
        body: '{"type":"certificate.expiring","timestamp":"2026-03-01T12:00:00.000Z","data":{"days_left":7}}',
      },
    ],
  });

export const webhookParams = z.object({ id: givenId });
export const deliveryParams = z.object({ id: givenId, delivery_id: givenId });
export const deliveryQuery = z.object({ ...pageQuery, status: z.enum(deliveryStatuses).optional() });
