// Quotas as they are set and read over HTTP.
import { z } from "zod";
import { givenId } from "../../http/given-id.ts";
import { ROUNDED, wholeNumber } from "../../http/whole-number.ts";

const limit = z.int().min(1).nullable().meta({ description: "In a month (in UTC). Null: as much as they like." });
const cutsOff = z.boolean().meta({
  description:
    "True: over it, all distributions of the account answer 503, until the quota is raised or the month is over.",
});

export const quotaInput = z
  .strictObject({ requests: limit, bytes: limit, cuts_off: cutsOff.default(false) })
  .meta({ id: "QuotaInput", examples: [{ requests: null, bytes: 10_000_000_000_000, cuts_off: true }] });
export type QuotaInput = z.output<typeof quotaInput>;

export const quotaSetReply = z.object({ account_id: z.uuid(), requests: limit, bytes: limit, cuts_off: cutsOff }).meta({
  id: "QuotaSet",
  examples: [
    {
      ...{ account_id: "3f0c9a0e-52f7-4a57-9a57-0d8e6a1c2b11", requests: null, bytes: 10_000_000_000_000 },
      cuts_off: true,
    },
  ],
});

export const quotaParams = z.object({ account_id: givenId });

export const quotasQuery = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: givenId.optional().meta({ description: "The last account that was shown." }),
});
export type QuotasQuery = z.output<typeof quotasQuery>;

const used = wholeNumber.meta({ description: `In the running month, as far as edges have sent it. ${ROUNDED}` });
const part = z.object({ limit: z.int().nullable(), used });

const exampleQuota = {
  ...{ month: "2026-11", source: "account" as const, cuts_off: true, cut_off_at: null },
  requests: { limit: null, used: 48_210_221 },
  bytes: { limit: 10_000_000_000_000, used: 8_120_448_312_000 },
};

export const quotaReply = z
  .object({
    month: z.string().meta({ description: "In UTC." }),
    source: z.enum(["account", "default"]).meta({
      description: "`account`: an operator has set it. `default`: it comes with the role of the account's owners.",
    }),
    requests: part,
    bytes: part,
    cuts_off: cutsOff,
    cut_off_at: z.iso
      .datetime()
      .nullable()
      .meta({ description: "Since when the account's distributions answer 503; null: they do not." }),
  })
  .meta({ id: "Quota", examples: [exampleQuota] });
export type QuotaReply = z.input<typeof quotaReply>;

const exampleOfAccount = {
  ...{ account_id: "3f0c9a0e-52f7-4a57-9a57-0d8e6a1c2b11", account: "Example Media" },
  ...exampleQuota,
};

export const accountQuotaReply = quotaReply
  .extend({ account_id: z.uuid(), account: z.string() })
  .meta({ id: "AccountQuota", examples: [exampleOfAccount] });
export type AccountQuotaReply = z.input<typeof accountQuotaReply>;

export const accountQuotasReply = z
  .object({ data: z.array(accountQuotaReply), next_cursor: z.string().nullable() })
  .meta({ examples: [{ data: [exampleOfAccount], next_cursor: null }] });
