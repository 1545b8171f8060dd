// Reports as they are asked for and answered over HTTP.
import { z } from "zod";
import { givenId } from "../../../http/given-id.ts";
import { ROUNDED, wholeNumber } from "../../../http/whole-number.ts";
import { TTFB_ERROR, VISITORS_ERROR } from "../counted/tables.ts";
import { type Filter, type Group, groups, operatorGroups } from "./dimensions.ts";
import { defaultMetrics, type Metric, metrics } from "./metrics.ts";
import { OTHERS } from "./sql.ts";
import { GROUPS_MAX, POINTS_MAX } from "./traffic.ts";
import { intervals, isTimeZone } from "./zone.ts";

const VALUES_MAX = 50;

/** Some values, separated by commas. */
function listOf(value: z.ZodType<string, string>, description: string) {
  return z
    .string()
    .transform((text, context) => readValues(text, value, context))
    .optional()
    .meta({ description: `${description} Several are separated by commas.` });
}

function readValues(text: string, value: z.ZodType<string, string>, context: z.RefinementCtx): readonly string[] {
  const parts = [...new Set(text.split(",").map((part) => part.trim()))];
  if (parts.length > VALUES_MAX) context.addIssue(`must be at most ${VALUES_MAX} values.`);
  return parts.flatMap((part) => {
    const parsed = value.safeParse(part);
    if (parsed.success) return [parsed.data];
    context.addIssue(parsed.error.issues[0]?.message ?? "is not a value of it.");
    return [];
  });
}

const word = z.string().max(255);
const timeInput = z.union([z.iso.datetime({ offset: true }), z.iso.date()], {
  error: "must be a time such as 2026-05-01T00:00:00Z, or a day such as 2026-05-01.",
});
const statusInput = z.string().regex(/^([1-5]\d\d|[1-5]xx)$/, { error: "must be statuses such as 404, or 5xx." });
const countryInput = z
  .string()
  .regex(/^[A-Za-z]{2}$/, { error: "must be country codes such as DE." })
  .toUpperCase();

const filters = {
  distribution_id: listOf(givenId, "Default: all."),
  edge_id: listOf(givenId, "Of these edges alone."),
  provider: listOf(word, "Of these providers alone: gotipath, gcore, tm_swift."),
  country: listOf(countryInput, "Of viewers in these countries alone (ISO 3166)."),
  status: listOf(statusInput, "Of answers with these statuses alone: 404, or 5xx."),
  cache_status: listOf(word, "Of answers that the cache had so alone, as X-Cache says it."),
  protocol: listOf(word, "Of these protocols alone: HTTP/1.1, HTTP/2.0, HTTP/3.0."),
  content_kind: listOf(word, "Of these kinds of content alone: page, image, video, segment and so on."),
  host: listOf(word.toLowerCase(), "Of requests to these hosts alone."),
};

const shape = {
  from: timeInput.optional().meta({
    description:
      "Inclusive. A day alone begins in `timezone`. Default: 24 hours before `to`, at the beginning of an interval.",
  }),
  to: timeInput.optional().meta({ description: "Exclusive. Default: now." }),
  timezone: z
    .string()
    .max(100)
    .refine(isTimeZone, { error: "must be a time zone such as Europe/Berlin." })
    .default("UTC")
    .meta({ description: "In whose clocks hours, days and months begin: a name of the IANA database." }),
  interval: z
    .enum(intervals)
    .default("hour")
    .meta({ description: `At most ${POINTS_MAX} of them in an answer.` }),
  metrics: z
    .string()
    .default(defaultMetrics.join(","))
    .transform((names, context) => readMetrics(names, context))
    .meta({ description: `Separated by commas: ${metrics.join(", ")}.` }),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(GROUPS_MAX)
    .default(50)
    .meta({
      description: `With group_by: how many groups are told apart, those with the most requests. The others are one, \`${OTHERS}\`. Fewer where an answer would have more than 10,000 rows.`,
    }),
  ...filters,
  format: z.enum(["json", "csv", "svg"]).optional().meta({ description: "Instead of an Accept header." }),
};
const groupText =
  "Traffic is told apart by it. Visitors and times to first byte by it, or two of groups and filters at once, are kept for 90 days.";

export const trafficQuery = z.object({
  ...shape,
  group_by: z.enum(groups).optional().meta({ description: groupText }),
});
export const platformTrafficQuery = z.object({
  ...shape,
  account_id: listOf(givenId, "Default: all accounts."),
  group_by: z.enum(operatorGroups).optional().meta({ description: groupText }),
});
export type TrafficQuery = Omit<z.output<typeof trafficQuery>, "group_by"> & { group_by?: Group | undefined };
export type PlatformTrafficQuery = z.output<typeof platformTrafficQuery>;

function readMetrics(names: string, context: z.RefinementCtx): readonly Metric[] {
  const wanted = names.split(",").map((name) => name.trim());
  if (!wanted.every((name) => metrics.some((metric) => metric === name))) {
    context.addIssue(`must be some of ${metrics.join(", ")}, separated by commas.`);
  }
  return metrics.filter((metric) => wanted.includes(metric));
}

export function filterOf(query: TrafficQuery): Filter {
  const { edge_id, provider, country, cache_status, protocol, content_kind, host } = query;
  const status = query.status?.filter((text) => !text.endsWith("xx"));
  const classes = query.status?.filter((text) => text.endsWith("xx")).map((text) => text.slice(0, 1));
  const all = { edge_id, provider, country, cache_status, protocol, content_kind, host, status, status_class: classes };
  return Object.fromEntries(Object.entries(all).filter(([, values]) => values !== undefined && values.length > 0));
}

const count = wholeNumber.optional();
const ratio = z.number().min(0).max(1).optional();
const waited = z
  .int()
  .min(0)
  .nullable()
  .optional()
  .meta({ description: `In milliseconds, within ${100 * TTFB_ERROR} %; null where there were no requests.` });

const values = {
  requests: count,
  bytes: count.meta({ description: `Sent to viewers. ${ROUNDED}` }),
  bandwidth: count.meta({ description: `Bits per second sent to viewers, over the time that has passed. ${ROUNDED}` }),
  bytes_in: count.meta({ description: `Received from viewers. ${ROUNDED}` }),
  hits: count,
  hit_ratio: ratio.meta({ description: "Of requests; 0 where there were none." }),
  byte_hit_ratio: ratio.meta({ description: "Of bytes; 0 where there were none." }),
  status_1xx: count,
  status_2xx: count,
  status_3xx: count,
  status_4xx: count,
  status_5xx: count,
  errors: count.meta({ description: "Answers with a status from 500 on." }),
  error_rate: ratio.meta({ description: "0 where there were no requests." }),
  origin_requests: count.meta({ description: "For which an origin was asked." }),
  origin_bytes: count.meta({ description: `Received from origins. ${ROUNDED}` }),
  ttfb_p50: waited,
  ttfb_p95: waited,
  ttfb_p99: waited,
  visitors: count.meta({
    description: `Addresses that asked, within ${100 * VISITORS_ERROR} % as a rule. They are hashed anew each day of UTC: who comes on two days counts twice.`,
  }),
} satisfies Record<Metric, z.ZodType>;

const groupValues = {
  account_id: z.string().optional(),
  distribution_id: z.string().optional(),
  edge_id: z.string().optional(),
  provider: z.string().optional(),
  country: z.string().optional().meta({ description: "Empty: not known." }),
  status: z.string().optional(),
  status_class: z.string().optional(),
  cache_status: z.string().optional(),
  protocol: z.string().optional(),
  content_kind: z.string().optional(),
  host: z.string().optional(),
} satisfies Record<Group, z.ZodType>;

export const trafficReply = z
  .object({
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    interval: z.enum(intervals),
    timezone: z.string(),
    data: z.array(
      z.object({
        time: z.iso.datetime().meta({ description: "The beginning of the interval." }),
        ...groupValues,
        ...values,
      }),
    ),
    groups: z
      .array(z.object({ ...groupValues, ...values }))
      .optional()
      .meta({ description: "With group_by: each over the whole period, the largest first, what is left last." }),
    total: z.object(values).meta({ description: "Over the whole period and all groups." }),
    lost_lines: wholeNumber.optional().meta({
      description:
        "Where it stands, edges that carry what is asked about, or have carried it, lost so many lines of the period before they were counted (a disk was full), of whichever account: numbers may be too low by some of them.",
    }),
  })
  .meta({
    id: "TrafficReport",
    examples: [
      {
        from: "2026-05-01T00:00:00.000Z",
        to: "2026-05-02T00:00:00.000Z",
        interval: "hour",
        timezone: "UTC",
        data: [{ time: "2026-05-01T00:00:00.000Z", requests: 48210, bytes: 9120448312, hits: 45799, hit_ratio: 0.95 }],
        total: { requests: 48210, bytes: 9120448312, hits: 45799, hit_ratio: 0.95 },
      },
    ],
  });
