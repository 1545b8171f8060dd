// What is counted of accounts in ClickHouse, as usage needs it: sums, bytes by edge, and the 95th percentile of bandwidth, each
// for many accounts in one question. Reads roll-ups, of the own edges and of other providers alike.
import { z } from "zod";
import { askClickHouse, type ClickHouse } from "../../database/clickhouse.ts";
import { WHOLE_ACCOUNT } from "../report/index.ts";
import type { ExactSums } from "./figures.ts";
import { bandwidthOf, droppedAbove95th, type Period } from "./month.ts";
import type { Used } from "./quota-rules.ts";

const QUERY_SECONDS_MAX = 60;
/** As JSON numbers, those above 2^53 would be others. */
const SETTINGS = { max_execution_time: QUERY_SECONDS_MAX, output_format_json_quote_64bit_integers: 1 } as const;

/** In place of a distribution: all of the account's. */
const IS_WHOLE_ACCOUNT = `distribution_id = toUUID('${WHOLE_ACCOUNT}')`;

const SUMS = `
  sum(counted.requests) AS requests, sum(counted.bytes_out) AS bytes, sum(counted.bytes_in) AS bytes_in,
  sum(counted.hits) AS hits, sum(counted.hit_bytes) AS hit_bytes,
  sum(counted.origin_requests) AS origin_requests, sum(counted.origin_bytes) AS origin_bytes`;

const SUMMED = ["requests", "bytes_out", "bytes_in", "hits", "hit_bytes", "origin_requests", "origin_bytes"];

/** 64 bits wide, as text (see SETTINGS). */
const exact = z.coerce.bigint();
const count = z.coerce.number();
const countedSums = z.object({
  ...{ requests: exact, bytes: exact, bytes_in: exact, hits: exact, hit_bytes: exact },
  ...{ origin_requests: exact, origin_bytes: exact },
}) satisfies z.ZodType<ExactSums>;

export interface Accounts {
  readonly accountIds: readonly string[];
  readonly period: Period;
}

export type Counts = ReturnType<typeof createCounts>;

export function createCounts(clickhouse: ClickHouse) {
  async function ask<Row>(
    schema: z.ZodType<Row>,
    query: string,
    of: Accounts,
    signal: AbortSignal,
  ): Promise<readonly Row[]> {
    return of.accountIds.length === 0 ? [] : askFor(schema, query, of, signal);
  }

  function askFor<Row>(
    schema: z.ZodType<Row>,
    query: string,
    { accountIds, period }: Accounts,
    signal: AbortSignal,
  ): Promise<readonly Row[]> {
    return askClickHouse(async () => {
      const answer = await clickhouse.query({
        query,
        query_params: { accounts: accountIds, from: seconds(period.from), to: seconds(period.to) },
        clickhouse_settings: SETTINGS,
        format: "JSONEachRow",
        abort_signal: signal,
      });
      return z.array(schema).parse(await answer.json());
    });
  }

  /** By account and day; days without traffic are left out. */
  function days(of: Accounts, signal: AbortSignal) {
    const query = `
      SELECT account_id, toString(toDate(time, 'UTC')) AS date, ${SUMS}
      FROM ${counted("traffic_day", { columns: ["time", ...SUMMED], dimension: "all", scope: IS_WHOLE_ACCOUNT })}
      GROUP BY account_id, date ORDER BY account_id, date`;
    return ask(countedSums.extend({ account_id: z.uuid(), date: z.string() }), query, of, signal);
  }

  /** By account and distribution, the most bytes first. */
  function distributions(of: Accounts, signal: AbortSignal) {
    const columns = ["distribution_id", ...SUMMED];
    const query = `
      SELECT account_id, distribution_id, ${SUMS}
      FROM ${counted("traffic_day", { columns, dimension: "all", scope: `NOT ${IS_WHOLE_ACCOUNT}` })}
      GROUP BY account_id, distribution_id ORDER BY account_id, bytes DESC, distribution_id`;
    return ask(countedSums.extend({ account_id: z.uuid(), distribution_id: z.uuid() }), query, of, signal);
  }

  /** Bytes by account and edge; what other providers delivered is under an id that is no edge's. */
  function edges(of: Accounts, signal: AbortSignal) {
    const columns = ["value", "bytes_out"];
    const query = `
      SELECT account_id, value AS edge_id, sum(counted.bytes_out) AS bytes
      FROM ${counted("traffic_day", { columns, dimension: "edge_id", scope: IS_WHOLE_ACCOUNT })}
      GROUP BY account_id, edge_id`;
    return ask(z.object({ account_id: z.uuid(), edge_id: z.string(), bytes: exact }), query, of, signal);
  }

  /** Bits per second by account; who is left out has too little traffic for more than 0. */
  async function bandwidth95(of: Accounts, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const columns = ["time", "bytes_out"];
    const query = `
      SELECT account_id, bytes FROM (
        SELECT account_id, intDiv(toUnixTimestamp(time), 300) AS five_minutes, sum(counted.bytes_out) AS bytes
        FROM ${counted("traffic_minute", { columns, dimension: "all", scope: IS_WHOLE_ACCOUNT })}
        GROUP BY account_id, five_minutes
      ) ORDER BY account_id, bytes DESC LIMIT 1 OFFSET ${droppedAbove95th(of.period)} BY account_id`;
    const rows = await ask(z.object({ account_id: z.uuid(), bytes: count }), query, of, signal);
    return new Map(rows.map(({ account_id, bytes }) => [account_id, bandwidthOf(bytes)]));
  }

  /** Of these accounts, or of all that have traffic: what quotas are about. */
  async function used(
    period: Period,
    signal: AbortSignal,
    accountIds?: readonly string[],
  ): Promise<ReadonlyMap<string, Used>> {
    const columns = ["requests", "bytes_out"];
    const query = `
      SELECT account_id, sum(counted.requests) AS requests, sum(counted.bytes_out) AS bytes
      FROM ${counted("traffic_day", { columns, dimension: "all", scope: IS_WHOLE_ACCOUNT, isForAll: accountIds === undefined })}
      GROUP BY account_id`;
    const schema = z.object({ account_id: z.uuid(), requests: count, bytes: count });
    const rows = await askFor(schema, query, { accountIds: accountIds ?? [], period }, signal);
    return new Map(rows.map(({ account_id, ...sums }) => [account_id, sums]));
  }

  /** Throws while ClickHouse answers nobody. */
  async function assertAnswered(signal: AbortSignal): Promise<void> {
    await askClickHouse(() => clickhouse.query({ query: "SELECT 1", abort_signal: signal }).then((one) => one.text()));
  }

  return { days, distributions, edges, bandwidth95, used, assertAnswered };
}

interface Part {
  readonly columns: readonly string[];
  readonly dimension: "all" | "edge_id";
  readonly scope: string;
  /** Not only for those that are named. */
  readonly isForAll?: boolean;
}

/** What of the period and the accounts a roll-up has, of our own edges and of other providers. */
function counted(
  table: "traffic_day" | "traffic_minute",
  { columns, dimension, scope, isForAll = false }: Part,
): string {
  return `(
    SELECT account_id, ${columns.join(", ")} FROM reported_${table}
    WHERE ${isForAll ? "1" : "account_id IN {accounts:Array(UUID)}"} AND dimension = '${dimension}' AND ${scope}
      AND time >= toDateTime({from:UInt32}, 'UTC') AND time < toDateTime({to:UInt32}, 'UTC')) AS counted`;
}

function seconds(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}
