// The connection to ClickHouse, the embedded engine's server or a real one. One per process; roles open and close it.
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import type { Part } from "../../platform/lifecycle.ts";
import { unavailable } from "../http/problems.ts";

export type ClickHouse = ClickHouseClient;

const REQUEST_TIMEOUT_MS = 30_000;
const CONNECTIONS_MAX = 20;

export function connectClickHouse(
  url: string,
  { requestTimeoutMs = REQUEST_TIMEOUT_MS } = {},
): { clickhouse: ClickHouse; part: Part } {
  const clickhouse = createClient({
    url,
    request_timeout: requestTimeoutMs,
    max_open_connections: CONNECTIONS_MAX,
    // Failures come back as errors; the client's own lines would go to the console as plain text.
    log: { level: ClickHouseLogLevel.OFF },
    clickhouse_settings: {
      // On by default since 26; an insert is acknowledged when it is stored, and its deduplication token counts.
      async_insert: 0,
      // An error after the first rows is an error, and no half answer.
      wait_end_of_query: 1,
    },
  });
  return { clickhouse, part: { name: "clickhouse client", stop: () => clickhouse.close() } };
}

/** For /ready. */
export function clickHouseDependency(clickhouse: ClickHouse) {
  return {
    name: "clickhouse",
    async check(signal: AbortSignal): Promise<void> {
      await clickhouse.query({ query: "SELECT 1", abort_signal: signal }).then((answer) => answer.text());
    },
  };
}

/** Runs the work; when ClickHouse is what is missing, the caller gets the 503 that names it. */
export async function askClickHouse<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isClickHouseAway(error)) throw unavailable("clickhouse", error);
    throw error;
  }
}

const NETWORK_CODES: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);
// https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp: those that pass with time, or that an
// operator mends without the caller doing anything else.
const PASSING_CODES: ReadonlySet<string> = new Set([
  "159", // TIMEOUT_EXCEEDED
  "202", // TOO_MANY_SIMULTANEOUS_QUERIES
  "209", // SOCKET_TIMEOUT
  "210", // NETWORK_ERROR
  "236", // ABORTED
  "241", // MEMORY_LIMIT_EXCEEDED
  "242", // TABLE_IS_READ_ONLY
  "243", // NOT_ENOUGH_SPACE
  "252", // TOO_MANY_PARTS
  "319", // UNKNOWN_STATUS_OF_INSERT
  "394", // QUERY_WAS_CANCELLED
  "439", // CANNOT_SCHEDULE_TASK
  "516", // AUTHENTICATION_FAILED
  "999", // KEEPER_EXCEPTION
]);
/** The client's own words when REQUEST_TIMEOUT_MS is over. */
const CLIENT_TIMEOUT = "Timeout error.";

function isClickHouseAway(error: unknown): boolean {
  if (error instanceof ClickHouseError) return PASSING_CODES.has(error.code);
  if (!(error instanceof Error)) return false;
  if (error.message === CLIENT_TIMEOUT) return true;
  return "code" in error && NETWORK_CODES.has(error.code);
}
