// Asks ClickHouse what fails, told apart by what a customer would do about it.
import { z } from "zod";
import type { ReportQueries } from "../traffic/report-queries.ts";
import type { Period } from "../traffic/zone.ts";
import type { TrafficScope } from "./top.ts";

export const errorMakers = ["origin", "unreachable", "edge"] as const;
export type ErrorMaker = (typeof errorMakers)[number];

export interface FailingThing {
  readonly status: number;
  readonly url: string;
  readonly distributionId: string;
  readonly cacheStatus: string;
  readonly madeBy: ErrorMaker;
  readonly requests: number;
  readonly firstSeen: Date;
  readonly lastSeen: Date;
  /** Some of them, as X-Request-Id told the viewers. */
  readonly requestIds: readonly string[];
}

/** Which statuses: both classes, one, or a single one. */
export const errorStatuses = ["4xx", "5xx"] as const;
export type ErrorStatuses = (typeof errorStatuses)[number] | number | undefined;

export interface ErrorQuestion extends Period {
  readonly scope: TrafficScope;
  readonly status: ErrorStatuses;
  readonly limit: number;
}

// An edge that answers by itself asks no cache. Where it asked an origin and not a byte came, there was none to ask.
const MADE_BY = `multiIf(cache_status = 'NONE', 'edge', status IN (502, 504) AND origin_ms IS NOT NULL AND origin_bytes = 0,
  'unreachable', 'origin')`;
const REQUEST_IDS_MAX = 3;

const time = z.coerce.number().transform((milliseconds) => new Date(milliseconds));
const rowSchema = z
  .object({
    ...{ code: z.coerce.number(), url: z.string(), distribution: z.uuid(), cache: z.string() },
    ...{ made_by: z.enum(errorMakers), requests: z.coerce.number(), first_seen: time, last_seen: time },
    request_ids: z.array(z.string()),
  })
  .transform((row) => ({
    ...{ status: row.code, url: row.url, distributionId: row.distribution, cacheStatus: row.cache },
    ...{ madeBy: row.made_by, requests: row.requests, firstSeen: row.first_seen, lastSeen: row.last_seen },
    requestIds: row.request_ids,
  }));

/** What fails most often first. */
export async function findErrors(
  queries: ReportQueries,
  { scope, status, limit, from, to }: ErrorQuestion,
  signal: AbortSignal,
): Promise<readonly FailingThing[]> {
  const { accountId, distributionId } = scope;
  return queries.rows(rowSchema, {
    query: `
      SELECT status AS code, concat(toString(host), path) AS url, toString(distribution_id) AS distribution,
        toString(cache_status) AS cache, ${MADE_BY} AS made_by, sum(weight) AS requests,
        toUnixTimestamp64Milli(min(time)) AS first_seen, toUnixTimestamp64Milli(max(time)) AS last_seen,
        arrayMap(id -> replaceAll(toString(id), '-', ''), groupArrayLast(${REQUEST_IDS_MAX})(request_id)) AS request_ids
      FROM access_log
      WHERE account_id = {account:UUID}
        ${distributionId === undefined ? "" : "AND distribution_id = {distribution:UUID}"}
        AND ${conditionOf(status)}
        AND time >= fromUnixTimestamp64Milli({from:Int64}) AND time < fromUnixTimestamp64Milli({to:Int64})
      GROUP BY code, url, distribution, cache, made_by
      ORDER BY requests DESC, last_seen DESC, url
      LIMIT {limit:UInt32}`,
    params: {
      ...{ account: accountId, from: from.getTime(), to: to.getTime(), limit },
      ...(distributionId === undefined ? {} : { distribution: distributionId }),
    },
    ...{ accountId, source: "lines", signal },
  });
}

function conditionOf(status: ErrorStatuses): string {
  if (status === undefined) return "status >= 400";
  if (status === "4xx") return "status BETWEEN 400 AND 499";
  return status === "5xx" ? "status >= 500" : `status = ${status}`;
}
