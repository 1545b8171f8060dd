// What the tables of migrations/clickhouse/0024_rollups.sql can answer. No I/O.

/** Stands for the whole account where a roll-up names a distribution. */
export const WHOLE_ACCOUNT = "00000000-0000-0000-0000-000000000000";

/** By what requests are counted. `all` has the value ''; `ttfb` names a bucket by the milliseconds of its middle. */
export const dimensions = [
  "all",
  "edge_id",
  "provider",
  "country",
  "status",
  "cache_status",
  "protocol",
  "content_kind",
  "ttfb",
] as const;
export type Dimension = (typeof dimensions)[number];

/** Sums of all roll-ups, each UInt64. A line of a sample counts with its weight. */
export const sums = [
  "requests",
  "hits",
  "errors",
  "bytes_out",
  "hit_bytes",
  "bytes_in",
  "origin_requests",
  "origin_bytes",
] as const;
export type Sum = (typeof sums)[number];

export interface TrafficTable {
  readonly name: "traffic_minute" | "traffic_hour" | "traffic_day";
  readonly seconds: number;
  /** As the table's TTL. */
  readonly keptDays: number;
  /** By what single distributions are counted; accounts are counted by everything. */
  readonly distributionDimensions: readonly Dimension[];
  /** The column `visitors`, filled in the dimension `all`. */
  readonly hasVisitors: boolean;
}

/** From the coarsest to the finest. */
export const trafficTables: readonly TrafficTable[] = [
  {
    name: "traffic_day",
    seconds: 86_400,
    keptDays: 5 * 365,
    distributionDimensions: dimensions,
    hasVisitors: true,
  },
  { name: "traffic_hour", seconds: 3_600, keptDays: 400, distributionDimensions: dimensions, hasVisitors: true },
  { name: "traffic_minute", seconds: 60, keptDays: 62, distributionDimensions: ["all"], hasVisitors: false },
];

/** What the finest of them keeps. */
export const minutesKeptDays = Math.min(...trafficTables.map((table) => table.keptDays));

/** What access_log itself keeps. */
export const LINES_KEPT_DAYS = 90;
/** What top_day and top_account_day keep. */
export const TOP_KEPT_DAYS = 400;

/** Served from the cache, be it after asking the origin whether it still holds. */
export const HIT_STATUSES = ["HIT", "STALE", "UPDATING", "REVALIDATED"] as const;
/** Of a line. */
export const IS_HIT = `cache_status IN (${HIT_STATUSES.map((status) => `'${status}'`).join(", ")})`;

/** What the views make of lines, over `access_log AS t`: each line stands for `weight` requests. */
export const sumsOfLines: Readonly<Record<Sum, string>> = {
  requests: "sum(weight)",
  hits: `sumIf(weight, ${IS_HIT})`,
  errors: "sumIf(weight, status >= 500)",
  bytes_out: "sum(t.bytes_out * weight)",
  hit_bytes: `sumIf(t.bytes_out * weight, ${IS_HIT})`,
  bytes_in: "sum(t.bytes_in * weight)",
  origin_requests: "sumIf(weight, origin_ms IS NOT NULL)",
  origin_bytes: "sum(t.origin_bytes * weight)",
};

/** The column `visitors` of roll-ups; over lines, the same state is `uniqCombined64State(13)(client_hash)`. */
export const VISITORS_FUNCTION = "uniqCombined64";
export const VISITORS_PRECISION = 13;
/** Standard error of 1.04 / sqrt(2^13): two of three answers are nearer than this, 997 of 1,000 within three times. */
export const VISITORS_ERROR = 0.012;

/** No quantile of a time to first byte is further off: the buckets are 1/16 of their lower end wide. */
export const TTFB_ERROR = 1 / 32;
/** How lines are put into the dimension `ttfb`: the middle of the bucket, in milliseconds. */
export const TTFB_BUCKET = `intDiv(ttfb_ms, greatest(1, intDiv(roundToExp2(ttfb_ms), 16)))
  * greatest(1, intDiv(roundToExp2(ttfb_ms), 16)) + intDiv(greatest(1, intDiv(roundToExp2(ttfb_ms), 16)), 2)`;
