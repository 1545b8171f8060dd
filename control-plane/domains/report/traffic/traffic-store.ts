// Asks ClickHouse for traffic. What a request names is looked up in the tables below; its values go as parameters.
import { z } from "zod";
import type { ClickHouse } from "../../../database/clickhouse.ts";
import type { TrafficGroup, TrafficInterval, TrafficMetric, TrafficPoint, TrafficRequest } from "./traffic.ts";

// Served from the cache, be it after asking the origin whether it still holds.
const IS_HIT = "cache_status IN ('HIT', 'STALE', 'UPDATING', 'REVALIDATED')";

// A line of a sample stands for several requests.
const REQUESTS = "sum(weight)";
const requestsIf = (condition: string) => `sumIf(weight, ${condition})`;

const METRICS = {
  requests: REQUESTS,
  bytes: "sum(bytes_out * weight)",
  bytes_in: "sum(access_log.bytes_in * weight)",
  hits: requestsIf(IS_HIT),
  hit_ratio: `round(${requestsIf(IS_HIT)} / ${REQUESTS}, 6)`,
  status_2xx: requestsIf("status BETWEEN 200 AND 299"),
  status_3xx: requestsIf("status BETWEEN 300 AND 399"),
  status_4xx: requestsIf("status BETWEEN 400 AND 499"),
  status_5xx: requestsIf("status BETWEEN 500 AND 599"),
} satisfies Record<TrafficMetric, string>;

const INTERVALS = {
  minute: "toStartOfInterval(time, INTERVAL 1 MINUTE, 'UTC')",
  hour: "toStartOfInterval(time, INTERVAL 1 HOUR, 'UTC')",
  day: "toStartOfInterval(time, INTERVAL 1 DAY, 'UTC')",
  month: "toStartOfInterval(time, INTERVAL 1 MONTH, 'UTC')",
} satisfies Record<TrafficInterval, string>;

const GROUPS = {
  distribution_id: "toString(distribution_id)",
  edge_id: "toString(edge_id)",
  cache_status: "toString(cache_status)",
  status_class: "concat(toString(intDiv(status, 100)), 'xx')",
  protocol: "toString(protocol)",
} satisfies Record<TrafficGroup, string>;

const QUERY_SECONDS_MAX = 20;

const rowSchema = z
  .object({ point: z.coerce.number().transform((seconds) => new Date(seconds * 1000)), in_group: z.string() })
  .catchall(z.coerce.number());

/** Points with traffic alone, at most `rowsMax`. */
export async function findTraffic(
  clickhouse: ClickHouse,
  scope: { accountId: string; distributionId: string | undefined },
  request: TrafficRequest & { readonly rowsMax: number },
  signal: AbortSignal,
): Promise<TrafficPoint[]> {
  const { accountId, distributionId } = scope;
  const metrics = request.metrics.map((metric) => `${METRICS[metric]} AS ${metric}`);
  const answer = await clickhouse.query({
    query: `
      SELECT
        toUnixTimestamp(toDateTime(${INTERVALS[request.interval]}, 'UTC')) AS point,
        ${request.groupBy === undefined ? "''" : GROUPS[request.groupBy]} AS in_group,
        ${metrics.join(", ")}
      FROM access_log
      WHERE account_id = {account:UUID}
        ${distributionId === undefined ? "" : "AND distribution_id = {distribution:UUID}"}
        AND time >= fromUnixTimestamp64Milli({from:Int64}) AND time < fromUnixTimestamp64Milli({to:Int64})
      GROUP BY point, in_group
      ORDER BY point, in_group
      LIMIT {rows_max:UInt32}`,
    query_params: {
      account: accountId,
      from: request.from.getTime(),
      to: request.to.getTime(),
      rows_max: request.rowsMax,
      ...(distributionId === undefined ? {} : { distribution: distributionId }),
    },
    clickhouse_settings: { max_execution_time: QUERY_SECONDS_MAX },
    format: "JSONEachRow",
    abort_signal: signal,
  });
  const rows = z.array(rowSchema).parse(await answer.json());
  return rows.map(({ point, in_group, ...values }) => ({
    time: point,
    group: request.groupBy === undefined ? undefined : in_group,
    values,
  }));
}
