// Ten questions that customers ask of thirty days, and the same in SQL over the lines themselves, as one would ask without
// roll-ups.

export interface Question {
  readonly name: string;
  /** Of the API. */
  readonly path: string;
  readonly ofLines: string;
}

interface Asked {
  readonly account: string;
  readonly busiest: string;
  readonly fromMs: number;
  readonly toMs: number;
}

const HITS = "countIf(cache_status IN ('HIT', 'STALE', 'UPDATING', 'REVALIDATED'))";
const DAY = "toStartOfDay(time)";
const HOUR = "toStartOfHour(time)";
const DAY_MS = 24 * 3600 * 1000;

export function questionsOf({ account, busiest, fromMs, toMs }: Asked): readonly Question[] {
  const lines = (what: string, { only = "", from = fromMs, by = "" }) =>
    `SELECT ${by === "" ? "" : `${by} AS key, `}${what} FROM access_log
     WHERE account_id = '${account}' ${only === "" ? "" : `AND distribution_id = '${only}'`}
     AND time >= fromUnixTimestamp64Milli(${from}) AND time < fromUnixTimestamp64Milli(${toMs})
     ${by === "" ? "" : "GROUP BY key ORDER BY key"}`;
  const ask = (report: string, query: Readonly<Record<string, string>>, from = fromMs) =>
    `/api/v1/reports/${report}?${new URLSearchParams({
      from: new Date(from).toISOString(),
      to: new Date(toMs).toISOString(),
      ...query,
    })}`;
  const one = { distribution_id: busiest };
  const usual = { metrics: "requests,bytes,hit_ratio" };
  const sums = `count(), sum(bytes_out), ${HITS}`;
  const ttfb = "quantiles(0.5, 0.95, 0.99)(ttfb_ms)";
  const lastDay = toMs - DAY_MS;
  const top = (by: string, only = "") => `${lines("count() AS requests", { by, only })} DESC LIMIT 10`;
  const topOf = (by: string, only = "") => top(by, only).replace("ORDER BY key DESC", "ORDER BY requests DESC");
  return [
    {
      name: "requests, bytes, hit ratio of one distribution, 30 days by day",
      path: ask("traffic", { ...one, ...usual, interval: "day" }),
      ofLines: lines(sums, { only: busiest, by: DAY }),
    },
    {
      name: "requests, bytes, hit ratio of all distributions, 30 days by hour",
      path: ask("traffic", { ...usual, interval: "hour" }),
      ofLines: lines(sums, { by: HOUR }),
    },
    {
      name: "requests and bytes of all distributions, the last day by minute",
      path: ask("traffic", { metrics: "requests,bytes", interval: "minute" }, lastDay),
      ofLines: lines(sums, { by: "toStartOfMinute(time)", from: lastDay }),
    },
    {
      name: "status codes of one distribution, 30 days by day",
      path: ask("traffic", { ...one, metrics: "requests", interval: "day", group_by: "status" }),
      ofLines: lines("count()", { only: busiest, by: `(${DAY}, status)` }),
    },
    {
      name: "countries of all distributions, 30 days",
      path: ask("top", { by: "country", limit: "50" }),
      ofLines: topOf("country"),
    },
    {
      name: "TTFB p50, p95, p99 of one distribution, 30 days by day",
      path: ask("traffic", { ...one, metrics: "ttfb_p50,ttfb_p95,ttfb_p99", interval: "day" }),
      ofLines: lines(ttfb, { only: busiest, by: DAY }),
    },
    {
      name: "TTFB p50, p95, p99 of all distributions, 30 days by day",
      path: ask("traffic", { metrics: "ttfb_p50,ttfb_p95,ttfb_p99", interval: "day" }),
      ofLines: lines(ttfb, { by: DAY }),
    },
    {
      name: "top URLs of one distribution, 30 days",
      path: ask("top", { ...one, by: "url" }),
      ofLines: topOf("concat(host, path)", busiest),
    },
    {
      name: "top URLs of all distributions, 30 days",
      path: ask("top", { by: "url" }),
      ofLines: topOf("concat(host, path)"),
    },
    {
      name: "unique visitors of all distributions, 30 days by day",
      path: ask("traffic", { metrics: "visitors", interval: "day" }),
      ofLines: lines("uniqExact(client_hash)", { by: DAY }),
    },
  ];
}
