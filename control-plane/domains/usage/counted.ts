// What is counted of accounts in ClickHouse, as usage needs it: sums, bytes by edge, and the 95th percentile of bandwidth, each
// for many accounts or months in one question. Reads roll-ups, of the own edges and of other providers alike.
import { z } from "zod";
import { askClickHouse, type ClickHouse } from "../../database/clickhouse.ts";
import { type ReportQueries, WHOLE_ACCOUNT } from "../report/index.ts";
import type { ExactSums } from "./figures.ts";
import { bandwidthOf, droppedAbove95th, type Month, monthOf, type Period } from "./month.ts";
import type { Used } from "./quota-rules.ts";

/** In place of a distribution: all of the account's. */
const IS_WHOLE_ACCOUNT = `distribution_id = toUUID('${WHOLE_ACCOUNT}')`;

const SUMS = `
  sum(counted.requests) AS requests, sum(counted.bytes_out) AS bytes, sum(counted.bytes_in) AS bytes_in,
  sum(counted.hits) AS hits, sum(counted.hit_bytes) AS hit_bytes,
  sum(counted.origin_requests) AS origin_requests, sum(counted.origin_bytes) AS origin_bytes`;

const SUMMED = ["requests", "bytes_out", "bytes_in", "hits", "hit_bytes", "origin_requests", "origin_bytes"];

/** 64 bits wide, as text. */
const exact = z.coerce.bigint();
const count = z.coerce.number();
const countedSums = z.object({
  ...{ requests: exact, bytes: exact, bytes_in: exact, hits: exact, hit_bytes: exact },
  ...{ origin_requests: exact, origin_bytes: exact },
}) satisfies z.ZodType<ExactSums>;

export interface CountedScope {
  readonly accountIds: readonly string[];
  /** Each within one month, and no two in the same. */
  readonly periods: readonly Period[];
}

interface CountQuestion {
  readonly query: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
}

/** ClickHouse, in whosever turn. Numbers of 64 bits come as text: as JSON's numbers, those above 2^53 would be others. */
export type AskCounts = <Row>(row: z.ZodType<Row>, question: CountQuestion) => Promise<readonly Row[]>;

/** Less than our client waits: whoever it gives up has ended. */
const QUERY_SECONDS_MAX = 25;

/** For jobs and operators: what customers ask for never holds them up. */
export function askAtOnce(clickhouse: ClickHouse): AskCounts {
  return (row, { query, params, signal }) =>
    askClickHouse(async () => {
      const answer = await clickhouse.query({
        ...{ query, query_params: { ...params }, format: "JSONEachRow", abort_signal: signal },
        clickhouse_settings: {
          max_execution_time: QUERY_SECONDS_MAX,
          output_format_json_quote_64bit_integers: 1,
        },
      });
      return z.array(row).parse(await answer.json());
    });
}

/** For customers: among their reports. */
export function askInTurn(queries: Pick<ReportQueries, "rows">, accountId: string): AskCounts {
  return (row, question) => queries.rows(row, { ...question, accountId, source: "roll-ups" });
}

export type Counts = ReturnType<typeof createCounts>;

export function createCounts(askCounts: AskCounts) {
  async function ask<Row>(
    schema: z.ZodType<Row>,
    query: string,
    { accountIds, periods }: CountedScope,
    signal: AbortSignal,
  ): Promise<readonly Row[]> {
    if (accountIds.length === 0 || periods.length === 0) return [];
    return askCounts(schema, { query, params: { accounts: accountIds }, signal });
  }

  /** By account and day; days without traffic are left out. */
  function days(of: CountedScope, signal: AbortSignal) {
    const columns = ["time", ...SUMMED];
    const query = `
      SELECT account_id, toString(toDate(time, 'UTC')) AS date, ${SUMS}
      FROM ${counted("traffic_day", { columns, dimension: "all", scope: IS_WHOLE_ACCOUNT, of })}
      GROUP BY account_id, date ORDER BY account_id, date`;
    return ask(countedSums.extend({ account_id: z.uuid(), date: z.string() }), query, of, signal);
  }

  /** By account and distribution, the most bytes first. */
  function distributions(of: CountedScope, signal: AbortSignal) {
    const columns = ["distribution_id", ...SUMMED];
    const query = `
      SELECT account_id, distribution_id, ${SUMS}
      FROM ${counted("traffic_day", { columns, dimension: "all", scope: `NOT ${IS_WHOLE_ACCOUNT}`, of })}
      GROUP BY account_id, distribution_id ORDER BY account_id, bytes DESC, distribution_id`;
    return ask(countedSums.extend({ account_id: z.uuid(), distribution_id: z.uuid() }), query, of, signal);
  }

  /** Bytes by account, month and edge; what other providers delivered is under an id that is no edge's. */
  function edges(of: CountedScope, signal: AbortSignal) {
    const columns = ["time", "value", "bytes_out"];
    const query = `
      SELECT account_id, ${MONTH} AS month, value AS edge_id, sum(counted.bytes_out) AS bytes
      FROM ${counted("traffic_day", { columns, dimension: "edge_id", scope: IS_WHOLE_ACCOUNT, of })}
      GROUP BY account_id, month, edge_id`;
    return ask(ofMonth.extend({ edge_id: z.string(), bytes: exact }), query, of, signal);
  }

  /** Bits per second by account and month; what is left out has too little traffic for more than 0. */
  async function bandwidth95(of: CountedScope, signal: AbortSignal) {
    const columns = ["time", "bytes_out"];
    const months = of.periods.map(({ from }) => `'${monthOf(from)}'`);
    const dropped = `transform(month, [${months}], [${of.periods.map(droppedAbove95th)}], 0)`;
    const query = `
      SELECT account_id, month, arrayReverseSort(groupArray(in_five_minutes))[1 + ${dropped}] AS bytes FROM (
        SELECT account_id, ${MONTH} AS month, intDiv(toUnixTimestamp(time), 300) AS five_minutes,
          sum(counted.bytes_out) AS in_five_minutes
        FROM ${counted("traffic_minute", { columns, dimension: "all", scope: IS_WHOLE_ACCOUNT, of })}
        GROUP BY account_id, month, five_minutes
      ) GROUP BY account_id, month`;
    const rows = await ask(ofMonth.extend({ bytes: count }), query, of, signal);
    return rows.map(({ bytes, ...row }) => ({ ...row, bandwidth: bandwidthOf(bytes) }));
  }

  /** Of these accounts, or of all that have traffic: what quotas are about. */
  async function used(
    period: Period,
    signal: AbortSignal,
    accountIds?: readonly string[],
  ): Promise<ReadonlyMap<string, Used>> {
    const columns = ["requests", "bytes_out"];
    const of = { accountIds: accountIds ?? "all", periods: [period] } as const;
    const query = `
      SELECT account_id, sum(counted.requests) AS requests, sum(counted.bytes_out) AS bytes
      FROM ${counted("traffic_day", { columns, dimension: "all", scope: IS_WHOLE_ACCOUNT, of })}
      GROUP BY account_id`;
    const schema = z.object({ account_id: z.uuid(), requests: count, bytes: count });
    const rows = await askCounts(schema, { query, params: { accounts: accountIds ?? [] }, signal });
    return new Map(rows.map(({ account_id, ...sums }) => [account_id, sums]));
  }

  /** Throws while ClickHouse answers nobody. */
  async function assertAnswered(signal: AbortSignal): Promise<void> {
    await askCounts(z.unknown(), { query: "SELECT 1", params: {}, signal });
  }

  return { days, distributions, edges, bandwidth95, used, assertAnswered };
}

/** As `Month` is written. */
const MONTH = "formatDateTime(time, '%Y-%m', 'UTC')";
const ofMonth = z.object({ account_id: z.uuid(), month: z.string() satisfies z.ZodType<Month> });

interface Part {
  readonly columns: readonly string[];
  readonly dimension: "all" | "edge_id";
  readonly scope: string;
  readonly of: { readonly accountIds: readonly string[] | "all"; readonly periods: readonly Period[] };
}

/** What of the periods and the accounts a roll-up has, of our own edges and of other providers. */
function counted(table: "traffic_day" | "traffic_minute", { columns, dimension, scope, of }: Part): string {
  const at = (time: Date) => `toDateTime(${seconds(time)}, 'UTC')`;
  const periods = of.periods.map(({ from, to }) => `time >= ${at(from)} AND time < ${at(to)}`);
  const accounts = of.accountIds === "all" ? "1" : "account_id IN {accounts:Array(UUID)}";
  return `(
    SELECT account_id, ${columns.join(", ")} FROM reported_${table}
    WHERE ${accounts} AND dimension = '${dimension}' AND ${scope} AND (${periods.join(" OR ")})) AS counted`;
}

function seconds(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}
