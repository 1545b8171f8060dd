// Usage as it is asked for and answered over HTTP.
import { z } from "zod";
import { regions } from "../../../edge-templates/index.ts";
import { ROUNDED, wholeNumber } from "../../http/whole-number.ts";
import { MONTH_PATTERN } from "./month.ts";

const monthText = z.string().regex(MONTH_PATTERN, { error: "must be a month such as 2026-11." });

const MONTHS_MAX = 60;
const MONTHS_DEFAULT = 12;

const limitOf = (max: number, usual: number) => z.coerce.number().int().min(1).max(max).default(usual);

export const usageQuery = z.object({
  limit: limitOf(MONTHS_MAX, MONTHS_DEFAULT),
  cursor: monthText.optional().meta({ description: "The oldest month that was shown." }),
});
export type UsageQuery = z.output<typeof usageQuery>;

export const monthParams = z.object({ month: monthText });

export const monthPartsQuery = z.object({
  by: z
    .enum(["day", "distribution"])
    .default("day")
    .meta({ description: "What the lines of the CSV are of; JSON has both." }),
});

export const ACCOUNTS_MAX = 500;
const ACCOUNTS_DEFAULT = 100;

export const accountsUsageQuery = z.object({
  month: monthText,
  limit: limitOf(ACCOUNTS_MAX, ACCOUNTS_DEFAULT).meta({ description: "Of a page of the JSON; CSV has all of them." }),
  cursor: z.uuid().optional().meta({ description: "The last account that was shown." }),
});
export type AccountsUsageQuery = z.output<typeof accountsUsageQuery>;

const share = z.number().min(0).max(1);

const sums = {
  requests: wholeNumber,
  bytes: wholeNumber.meta({ description: `Sent to viewers, headers too. ${ROUNDED}` }),
  bytes_in: wholeNumber.meta({ description: `Received from viewers. ${ROUNDED}` }),
  hits: wholeNumber.meta({ description: "Requests that were served from the cache." }),
  hit_ratio: share.meta({ description: "Of the requests; 0 where there were none." }),
  byte_hit_ratio: share.meta({ description: "Of the bytes; 0 where there were none." }),
  origin_requests: wholeNumber,
  origin_bytes: wholeNumber.meta({ description: `Received from the origins. ${ROUNDED}` }),
};

const exampleSums = {
  ...{ requests: 48210, bytes: 9120448312, bytes_in: 14463000, hits: 45799, hit_ratio: 0.94999 },
  ...{ byte_hit_ratio: 0.961, origin_requests: 2411, origin_bytes: 355697484 },
};

const exampleMonth = {
  ...{ month: "2026-10", status: "closed", counted_until: "2026-11-01T00:00:00.000Z" },
  ...{ closed_at: "2026-11-04T00:10:02.113Z", ...exampleSums, bandwidth_p95: 81_447_936 },
  bytes_by_region: {
    ...{ africa: 0, asia: 120_448_312, europe: 9_000_000_000, middle_east: 0, north_america: 0, oceania: 0 },
    ...{ south_america: 0, other: 0 },
  },
};

export const usageMonthReply = z
  .object({
    month: z.string().meta({ description: "In UTC." }),
    status: z.enum(["open", "closing", "closed"]).meta({
      description:
        "`open`: it is not over; or it was closed for others, and this account's figures do not add up yet. " +
        "`closing`: it is over, and edges may still send lines of it. `closed`: the figures are final.",
    }),
    counted_until: z.iso
      .datetime()
      .meta({ description: "What happened before is in it, as far as edges have sent it." }),
    closed_at: z.iso.datetime().nullable(),
    ...sums,
    bytes_by_region: z.record(z.enum(regions), wholeNumber).meta({
      description: `By where the edges stood that sent them; \`other\` where nobody said, and other providers. ${ROUNDED}`,
    }),
    bandwidth_p95: wholeNumber.nullable().meta({
      description:
        "Bits per second: the 95th percentile of the five-minute averages. Of all five minutes of the month so far, those " +
        "without traffic too, the highest 5 % (rounded down to whole ones) are left out; this is the highest of the others. " +
        "Null: the minutes were not kept any more when the month was closed.",
    }),
  })
  .meta({
    id: "UsageMonth",
    examples: [exampleMonth],
  });
export type UsageMonthReply = z.input<typeof usageMonthReply>;

export const usageListReply = z
  .object({ data: z.array(usageMonthReply), next_cursor: z.string().nullable() })
  .meta({ examples: [{ data: [exampleMonth], next_cursor: null }] });

const dayReply = z.object({ date: z.iso.date().meta({ description: "In UTC." }), ...sums });
const distributionReply = z.object({
  distribution_id: z.uuid().nullable().meta({ description: "Null: what is left of more than 5,000, added up." }),
  domain: z.string().nullable(),
  ...sums,
});

export const usageDetailsReply = usageMonthReply
  .extend({
    days: z.array(dayReply).meta({ description: "Every day so far." }),
    distributions: z.array(distributionReply).meta({ description: "Also those that were deleted; the largest first." }),
  })
  .meta({
    id: "UsageDetails",
    examples: [
      {
        ...exampleMonth,
        days: [{ date: "2026-10-01", ...exampleSums }],
        distributions: [
          {
            ...{ distribution_id: "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a", domain: "www.example.com" },
            ...exampleSums,
          },
        ],
      },
    ],
  });
export type UsageDetailsReply = z.input<typeof usageDetailsReply>;

const exampleAccount = {
  ...{ account_id: "3f0c9a0e-52f7-4a57-9a57-0d8e6a1c2b11", account: "Example Media" },
  ...exampleMonth,
};

export const accountUsageReply = usageMonthReply
  .extend({ account_id: z.uuid(), account: z.string() })
  .meta({ id: "AccountUsage", examples: [exampleAccount] });
export type AccountUsageReply = z.input<typeof accountUsageReply>;

export const accountsUsageReply = z
  .object({ data: z.array(accountUsageReply), next_cursor: z.string().nullable() })
  .meta({ examples: [{ data: [exampleAccount], next_cursor: null }] });
