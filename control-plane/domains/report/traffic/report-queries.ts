// How reports ask ClickHouse: each account in its turn and few at a time, what roll-ups tell apart from what lines tell, with
// limits of time and memory, ended when nobody waits for the answer any more.
import { ClickHouseError } from "@clickhouse/client";
import { LRUCache } from "lru-cache";
import { z } from "zod";
import { Problem } from "../../../../platform/problem.ts";
import { askClickHouse, type ClickHouse } from "../../../database/clickhouse.ts";
import { tooManyRequests } from "../../../http/problems.ts";
import { reportTooLarge } from "../problems.ts";
import { createTurns, type Turns } from "./turns.ts";

/** Which turns a question takes. */
export type Source = "roll-ups" | "lines" | "platform";

export interface ReportQuery {
  /** A SELECT without a FORMAT. */
  readonly query: string;
  readonly params?: Readonly<Record<string, unknown>>;
  /** Whose turn it is: an account's, or that of who asks for all. */
  readonly accountId: string;
  /** What is read of single requests and values takes long, and holds up nothing but its like. */
  readonly source: Source;
  readonly signal: AbortSignal;
}

export interface ReportQueries {
  /** Whose traffic other providers carried, too; as it was within the last half minute. */
  accountsElsewhere(): Promise<ReadonlySet<string>>;
  rows<Row>(row: z.ZodType<Row>, query: ReportQuery): Promise<Row[]>;
}

const SECONDS_MAX = 20;
const MEMORY_BYTES_MAX = 2 ** 30;
const QUERY_BYTES_MAX = 4 * 1024 * 1024;
/** An answer is held in memory; no report has so many rows. */
const RESULT_ROWS_MAX = 200_000;
const ELSEWHERE_TTL_MS = 30_000;
/** Which accounts have traffic elsewhere: customers wait for it, and never behind each other. */
const ELSEWHERE = "elsewhere";
const RETRY_AFTER_S = 5;
const WAITING_EACH_MAX = 20;
// The rest of the connections to ClickHouse is for log lines, streams and jobs.
const OF_CUSTOMERS = { atOnce: 4, forModest: 2, waitingEachMax: WAITING_EACH_MAX, refusal: tooMany };
const OF_PLATFORM = { ...OF_CUSTOMERS, atOnce: 3, forModest: 1 };
const TIMEOUT_EXCEEDED = "159";
const MEMORY_LIMIT_EXCEEDED = "241";
const TOO_MANY_ROWS_OR_BYTES = "396";

export function createReportQueries({
  clickhouse,
  turns = turnsOfEach(),
  secondsMax = SECONDS_MAX,
  memoryBytesMax = MEMORY_BYTES_MAX,
  rowsMax = RESULT_ROWS_MAX,
}: {
  clickhouse: ClickHouse;
  turns?: Readonly<Record<Source, Turns>>;
  secondsMax?: number;
  memoryBytesMax?: number;
  rowsMax?: number;
}): ReportQueries {
  async function ask({ query, params, signal }: ReportQuery) {
    const answer = await clickhouse.query({
      query,
      ...(params === undefined ? {} : { query_params: { ...params } }),
      clickhouse_settings: {
        max_execution_time: secondsMax,
        max_memory_usage: String(memoryBytesMax),
        max_query_size: String(QUERY_BYTES_MAX),
        max_result_rows: String(rowsMax),
        result_overflow_mode: "throw",
        output_format_json_quote_denormals: 0,
        // Of 64 bits as text: those above 2^53 are no JSON numbers that can be read back.
        output_format_json_quote_64bit_integers: 1,
        // Whoever goes away ends it: a real server does so for what changes nothing.
        readonly: "2",
        cancel_http_readonly_queries_on_client_close: 1,
      },
      format: "JSONEachRow",
      abort_signal: signal,
    });
    return answer.json();
  }

  /** What this very question needed too much of is its own fault; that the server is short of memory is not. */
  function refuseTooLarge(error: unknown): never {
    if (!(error instanceof ClickHouseError)) throw error;
    const isLong = error.code === TIMEOUT_EXCEEDED;
    const isLarge = error.code === MEMORY_LIMIT_EXCEEDED && /^Query memory limit|\(for query\)/.test(error.message);
    const isWide = error.code === TOO_MANY_ROWS_OR_BYTES;
    if (!isLong && !isLarge && !isWide) throw error;
    const cost = isLong ? `took longer than ${secondsMax} s` : `needed more than ${memoryBytesMax / 2 ** 20} MiB`;
    const what = isWide ? `has more than ${rowsMax} rows` : cost;
    const cure = "Ask for a shorter period, a longer interval, fewer metrics or one distribution.";
    throw new Problem(reportTooLarge, `It ${what}. ${cure}`, { cause: error });
  }

  async function rows<Row>(row: z.ZodType<Row>, query: ReportQuery): Promise<Row[]> {
    const done = await turns[query.source].take(query.accountId, query.signal);
    try {
      return z.array(row).parse(await askClickHouse(() => ask(query).catch(refuseTooLarge)));
    } finally {
      done();
    }
  }

  const elsewhere = new LRUCache<string, ReadonlySet<string>>({
    max: 1,
    ttl: ELSEWHERE_TTL_MS,
    async fetchMethod() {
      const query = "SELECT DISTINCT toString(account_id) AS id FROM provider_day";
      // Many may wait for this one: it ends by its limit of time, not when one of them goes away.
      const { signal } = new AbortController();
      const found = await rows(z.object({ id: z.string() }), {
        ...{ query, signal },
        ...{ accountId: ELSEWHERE, source: "platform" },
      });
      return new Set(found.map(({ id }) => id));
    },
  });

  return {
    rows,
    accountsElsewhere: async () => (await elsewhere.fetch(ELSEWHERE)) ?? new Set(),
  };
}

function turnsOfEach(): Readonly<Record<Source, Turns>> {
  return {
    "roll-ups": createTurns(OF_CUSTOMERS),
    lines: createTurns(OF_CUSTOMERS),
    platform: createTurns(OF_PLATFORM),
  };
}

function tooMany(): Problem {
  const detail = `More than ${WAITING_EACH_MAX} reports of this account wait already: ask for the next one when one of them is answered.`;
  return new Problem(tooManyRequests, detail, { headers: { "retry-after": String(RETRY_AFTER_S) } });
}
