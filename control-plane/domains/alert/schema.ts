// Alerts and their history, on the wire.
import { z } from "zod";
import { pageQuery } from "../../database/paging.ts";
import { givenId } from "../../http/given-id.ts";
import { lineOfText } from "../../http/plain-text.ts";
import { conditionInput, conditionKept } from "./condition.ts";
import { alertEventKinds } from "./event-store.ts";

const NAME_LENGTH_MAX = 100;
const DESCRIPTION_LENGTH_MAX = 255;
const MINUTES_MAX = 1440;
const MINUTES_DEFAULT = 5;
const MEMBERS_MAX = 20;

const shownStatuses = ["ok", "pending", "raised", "unknown"] as const;

const minutes = z
  .int()
  .min(0, { error: "must be 0 or more." })
  .max(MINUTES_MAX, { error: `must be ${MINUTES_MAX} at most.` });

const fields = {
  name: lineOfText(NAME_LENGTH_MAX),
  description: lineOfText(DESCRIPTION_LENGTH_MAX).or(z.literal("")),
  distribution_id: givenId.nullable().meta({ description: "Null: all that the account has, taken together." }),
  condition: conditionInput,
  raise_after_minutes: minutes.meta({
    description: "The condition must hold for so long before the alert is raised. No matter to certificates.",
  }),
  resolve_after_minutes: minutes.meta({
    description: "It must be clear for so long before the alert is resolved. No matter to certificates.",
  }),
  mail_in_charge: z.boolean().meta({ description: "Letters to the account's owners and admins." }),
  mail_members: z
    .array(givenId)
    .max(MEMBERS_MAX, { error: `must hold ${MEMBERS_MAX} at most.` })
    .refine((ids) => new Set(ids).size === ids.length, { error: "must name each member once at most." })
    .meta({ description: "Letters to these members, by `user_id` of GET /account/members, whatever their role." }),
  muted_until: z.iso
    .datetime({ offset: true, error: "must be a time such as 2026-05-01T00:00:00Z." })
    .transform((text) => new Date(text))
    .nullable()
    .meta({ description: "Until then nobody is told; it is judged, and its history kept, all the same." }),
  is_enabled: z.boolean(),
};

const exampleInput = {
  name: "Shop answers with errors",
  distribution_id: "0f1e2d3c-4b5a-4968-8776-655443322110",
  condition: {
    type: "error_rate" as const,
    percent: 5,
    recovery_percent: 2,
    window_minutes: 5 as const,
    requests_min: 100,
  },
  raise_after_minutes: 5,
  resolve_after_minutes: 10,
};

export const alertInput = z
  .strictObject({
    ...fields,
    description: fields.description.default(""),
    distribution_id: fields.distribution_id.default(null),
    raise_after_minutes: fields.raise_after_minutes.default(MINUTES_DEFAULT),
    resolve_after_minutes: fields.resolve_after_minutes.default(MINUTES_DEFAULT),
    mail_in_charge: fields.mail_in_charge.default(true),
    mail_members: fields.mail_members.default([]),
    muted_until: fields.muted_until.default(null),
    is_enabled: fields.is_enabled.default(true),
  })
  .meta({ id: "AlertInput", examples: [exampleInput] });
export type AlertInput = z.output<typeof alertInput>;

/** RFC 7396: what is absent stays. A condition is replaced as a whole. */
export const alertPatch = z
  .strictObject(fields)
  .partial()
  .meta({ id: "AlertPatch", examples: [{ muted_until: "2026-05-01T06:00:00Z" }] });
export type AlertPatch = z.output<typeof alertPatch>;

const value = z.number().nullable().meta({
  description:
    "What was measured: the metric, percent, or days until the end of a certificate. Null: nothing to judge by.",
});

const exampleUser = "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42";
const exampleAlert = {
  ...exampleInput,
  id: "5b0a3f1e-7f0e-4c52-9f7e-2d9f3c1a6b77",
  ...{
    description: "",
    mail_in_charge: true,
    mail_members: [],
    muted_until: null,
    is_enabled: true,
    disabled_reason: null,
  },
  state: {
    status: "raised" as const,
    since: "2026-03-01T12:05:00.000Z",
    value: 7.31,
    reason: "7.31 % of 12,408 requests within 5 minutes were answered 5xx, more than 5 %.",
    judged_until: "2026-03-01T12:09:00.000Z",
  },
  ...{ created_by: exampleUser, updated_by: exampleUser },
  ...{ created_at: "2026-02-01T12:00:00.000Z", updated_at: "2026-02-01T12:00:00.000Z" },
};

export const alertReply = z
  .object({
    id: z.uuid(),
    name: z.string(),
    description: z.string(),
    distribution_id: z.uuid().nullable(),
    condition: conditionKept,
    raise_after_minutes: z.int(),
    resolve_after_minutes: z.int(),
    mail_in_charge: z.boolean(),
    mail_members: z.array(z.uuid()),
    muted_until: z.string().nullable(),
    is_enabled: z.boolean(),
    disabled_reason: z.string().nullable().meta({ description: "In words, when the platform disabled it." }),
    state: z.object({
      status: z.enum(shownStatuses).meta({
        description: "`pending`: the condition holds, not yet for long enough. `unknown`: it was not judged lately.",
      }),
      since: z.string(),
      value,
      reason: z.string().nullable().meta({ description: "Why, in words." }),
      judged_until: z.string().nullable().meta({ description: "The end of what was judged last." }),
    }),
    created_by: z.uuid().nullable(),
    updated_by: z.uuid().nullable().meta({ description: "Null: the platform itself." }),
    created_at: z.string(),
    updated_at: z.string(),
  })
  .meta({ id: "Alert", examples: [exampleAlert] });
export type AlertReply = z.input<typeof alertReply>;

export const alertEventReply = z
  .object({
    id: z.uuid(),
    alert_id: z.uuid(),
    kind: z.enum(alertEventKinds),
    value,
    reason: z.string().meta({ description: "Why, in words." }),
    is_muted: z.boolean().meta({ description: "True: nobody was told at that time." }),
    at: z.string().meta({ description: "The end of what was judged." }),
    created_at: z.string(),
  })
  .meta({
    id: "AlertEvent",
    examples: [
      {
        id: "e1b2c3d4-0a1b-4c2d-8e3f-4a5b6c7d8e9f",
        alert_id: exampleAlert.id,
        kind: "raised" as const,
        value: exampleAlert.state.value,
        reason: exampleAlert.state.reason,
        is_muted: false,
        at: exampleAlert.state.since,
        created_at: "2026-03-01T12:06:01.000Z",
      },
    ],
  });
export type AlertEventReply = z.input<typeof alertEventReply>;

export const alertParams = z.object({ id: givenId });
export const alertQuery = z.object({
  ...pageQuery,
  distribution_id: givenId.optional().meta({ description: "Only alerts of this one." }),
});
export const alertEventQuery = z.object({ ...pageQuery, kind: z.enum(alertEventKinds).optional() });
