// Asks ClickHouse which values occur most. What a request names is looked up in the tables below; its values go as parameters.
import { z } from "zod";
import type { ClickHouse } from "../../../database/clickhouse.ts";
import type { Sums, TopEntry, TopOrder, TopRequest, TopSubject, TrafficScope } from "./top.ts";

const SUBJECTS = {
  url: "concat(host, path)",
  host: "toString(host)",
  referrer: "referrer_host",
  user_agent: "user_agent",
  status: "toString(status)",
  status_class: "concat(toString(intDiv(status, 100)), 'xx')",
  cache_status: "toString(cache_status)",
  protocol: "toString(protocol)",
  edge: "toString(edge_id)",
  distribution: "toString(distribution_id)",
  error: "concat(toString(status), ' ', host, path)",
} satisfies Record<TopSubject, string>;

const ORDERS = { requests: "requests", bytes: "bytes" } satisfies Record<TopOrder, string>;

const QUERY_SECONDS_MAX = 20;

const rowsSchema = z.array(
  z.object({
    value: z.string(),
    requests: z.coerce.number(),
    bytes: z.coerce.number(),
    all_requests: z.coerce.number(),
    all_bytes: z.coerce.number(),
  }),
);

export interface FoundTop {
  readonly entries: readonly TopEntry[];
  /** Of all values, in the list or not. */
  readonly total: Sums;
}

/** Those with most first; of equals, in the order of the alphabet. */
export async function findTop(
  clickhouse: ClickHouse,
  { accountId, distributionId }: TrafficScope,
  { by, orderBy, limit, from, to }: TopRequest,
  signal: AbortSignal,
): Promise<FoundTop> {
  const answer = await clickhouse.query({
    query: `
      SELECT ${SUBJECTS[by]} AS value, sum(weight) AS requests, sum(bytes_out * weight) AS bytes,
        sum(requests) OVER () AS all_requests, sum(bytes) OVER () AS all_bytes
      FROM access_log
      WHERE account_id = {account:UUID}
        ${distributionId === undefined ? "" : "AND distribution_id = {distribution:UUID}"}
        ${by === "error" ? "AND status >= 400" : ""}
        AND time >= fromUnixTimestamp64Milli({from:Int64}) AND time < fromUnixTimestamp64Milli({to:Int64})
      GROUP BY value
      ORDER BY ${ORDERS[orderBy]} DESC, value
      LIMIT {limit:UInt32}`,
    query_params: {
      ...{ account: accountId, from: from.getTime(), to: to.getTime(), limit },
      ...(distributionId === undefined ? {} : { distribution: distributionId }),
    },
    clickhouse_settings: { max_execution_time: QUERY_SECONDS_MAX },
    format: "JSONEachRow",
    abort_signal: signal,
  });
  const rows = rowsSchema.parse(await answer.json());
  return {
    entries: rows.map(({ value, requests, bytes }) => ({ value, requests, bytes })),
    total: { requests: rows[0]?.all_requests ?? 0, bytes: rows[0]?.all_bytes ?? 0 },
  };
}
