// Providers' statistics in ClickHouse: a row per resource and five minutes, which a later answer replaces, and sums of them per
// hour and day, which are made anew from the rows each time. Whoever repeats any of it changes nothing.
import type { ClickHouse } from "../../database/clickhouse.ts";
import type { LinkRecord } from "./link-store.ts";
import type { ProviderName, Statistic } from "./statistics.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

const SUMS = [
  "requests",
  "hits",
  "bytes_out",
  "hit_bytes",
  "origin_requests",
  "origin_bytes",
  "status_1xx",
  "status_2xx",
  "status_3xx",
  "status_4xx",
  "status_5xx",
];

/** With whom a statistic counts. */
export interface Attributed {
  readonly link: Pick<LinkRecord, "provider" | "accountId" | "distributionId">;
  readonly statistic: Statistic;
}

export async function insertStatistics(
  clickhouse: ClickHouse,
  { rows, pull }: { rows: readonly Attributed[]; pull: string },
  signal: AbortSignal,
): Promise<void> {
  if (rows.length === 0) return;
  await clickhouse.insert({
    table: "provider_minute",
    values: rows.map((row) => ({ ...columnsOf(row), pull })),
    format: "JSONEachRow",
    abort_signal: signal,
  });
}

export interface Counted {
  readonly provider: ProviderName;
  readonly resources: readonly string[];
  readonly from: Date;
  readonly to: Date;
}

/** The hours and days that the period touches, of what lies there of their five minutes now. `pull`: taken before. */
export async function sumUp(
  clickhouse: ClickHouse,
  { provider, resources, from, to }: Counted,
  pull: string,
  signal: AbortSignal,
): Promise<void> {
  for (const { table, start, lengthMs } of LONGER) {
    const begin = Math.floor(from.getTime() / lengthMs) * lengthMs;
    const end = Math.ceil(to.getTime() / lengthMs) * lengthMs;
    await clickhouse.command({
      query: `INSERT INTO ${table} (account_id, distribution_id, provider, resource, time, ${SUMS.join(", ")}, pull)
        SELECT account_id, distribution_id, provider, resource, ${start}(bucket.time, 'UTC') AS begin,
          ${SUMS.map((name) => `sum(bucket.${name})`).join(", ")}, {pull: UInt64}
        FROM provider_minute AS bucket FINAL
        WHERE provider = {provider: String} AND resource IN {resources: Array(String)}
          AND bucket.time >= toDateTime({from: Int64}, 'UTC') AND bucket.time < toDateTime({to: Int64}, 'UTC')
        GROUP BY account_id, distribution_id, provider, resource, begin`,
      query_params: { provider, resources: [...resources], from: begin / 1000, to: end / 1000, pull },
      abort_signal: signal,
    });
  }
}

const LONGER = [
  { table: "provider_hour", start: "toStartOfHour", lengthMs: HOUR_MS },
  { table: "provider_day", start: "toStartOfDay", lengthMs: DAY_MS },
] as const;

function columnsOf({ link, statistic }: Attributed) {
  const [status1xx, status2xx, status3xx, status4xx, status5xx] = statistic.byStatusClass;
  return {
    account_id: link.accountId,
    distribution_id: link.distributionId,
    provider: link.provider,
    resource: statistic.resource,
    time: statistic.time.getTime() / 1000,
    requests: statistic.requests,
    hits: statistic.hits,
    bytes_out: statistic.bytesOut,
    hit_bytes: statistic.hitBytes,
    origin_requests: statistic.originRequests,
    origin_bytes: statistic.originBytes,
    status_1xx: status1xx,
    status_2xx: status2xx,
    status_3xx: status3xx,
    status_4xx: status4xx,
    status_5xx: status5xx,
  };
}
