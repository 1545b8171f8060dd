// Asks ClickHouse what was served second by second, a moment ago.
import { z } from "zod";
import type { ClickHouse } from "../../../database/clickhouse.ts";
import { IS_HIT } from "../counted/tables.ts";
import type { TrafficScope } from "../top/top.ts";
import type { Second, Span } from "./seconds.ts";

const QUERY_SECONDS_MAX = 5;

const count = z.coerce.number();
const rowsSchema = z.array(
  z
    .object({
      second: count.transform((seconds) => new Date(seconds * 1000)),
      ...{ requests: count, bytes: count, hits: count },
      ...{ status_1xx: count, status_2xx: count, status_3xx: count, status_4xx: count, status_5xx: count },
    })
    .transform(({ second, ...counts }) => ({ time: second, ...counts })),
);

/** Seconds with traffic alone. */
export async function findSeconds(
  clickhouse: ClickHouse,
  { accountId, distributionId }: TrafficScope,
  { from, to }: Span,
  signal: AbortSignal,
): Promise<Second[]> {
  const answer = await clickhouse.query({
    query: `
      SELECT toUnixTimestamp(toDateTime(time, 'UTC')) AS second, sum(weight) AS requests, sum(bytes_out * weight) AS bytes,
        sumIf(weight, ${IS_HIT}) AS hits,
        sumIf(weight, status < 200) AS status_1xx, sumIf(weight, status BETWEEN 200 AND 299) AS status_2xx,
        sumIf(weight, status BETWEEN 300 AND 399) AS status_3xx, sumIf(weight, status BETWEEN 400 AND 499) AS status_4xx,
        sumIf(weight, status >= 500) AS status_5xx
      FROM access_log
      WHERE account_id = {account:UUID}
        ${distributionId === undefined ? "" : "AND distribution_id = {distribution:UUID}"}
        AND time >= fromUnixTimestamp64Milli({from:Int64}) AND time < fromUnixTimestamp64Milli({to:Int64})
      GROUP BY second
      ORDER BY second`,
    query_params: {
      ...{ account: accountId, from: from.getTime(), to: to.getTime() },
      ...(distributionId === undefined ? {} : { distribution: distributionId }),
    },
    clickhouse_settings: { max_execution_time: QUERY_SECONDS_MAX },
    format: "JSONEachRow",
    abort_signal: signal,
  });
  return rowsSchema.parse(await answer.json());
}
