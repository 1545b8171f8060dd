// Asks ClickHouse which URLs, referrers, user agents and errors occur most: whole days from the lists of days, the rest from
// the requests themselves.
import { z } from "zod";
import { WHOLE_ACCOUNT } from "../counted/tables.ts";
import type { ReportQueries } from "../traffic/report-queries.ts";
import { literal } from "../traffic/sql.ts";
import type { Period } from "../traffic/zone.ts";
import type { DaysAndRests } from "./days.ts";
import type { ListedSubject, Sums, TopEntry, TopOrder, TrafficScope } from "./top.ts";

const VALUES = {
  url: "concat(toString(host), path)",
  referrer: "referrer_host",
  user_agent: "toString(user_agent_family)",
  error: "concat(toString(status), ' ', toString(host), path)",
  host: "toString(host)",
} satisfies Record<ListedSubject, string>;

const ORDERS = { requests: "requests", bytes: "bytes" } satisfies Record<TopOrder, string>;

/** An account's list of a day names so many values. */
const NAMED_OF_DAY = 1_000;
/** Its counters (0024_rollups.sql): a guess is too high by at most the day's requests / these. */
const TOP_COUNTERS = 3_000;
/**
 * Which part of an account's requests a value that is missing may have more than the last one of a list: what no list of a
 * day named, and what was guessed too high of those that are.
 */
export const MISSING_PART = 1 / NAMED_OF_DAY + 1 / TOP_COUNTERS;

export interface ListQuestion {
  readonly scope: TrafficScope;
  readonly what: ListedSubject;
  readonly orderBy: TopOrder;
  readonly limit: number;
  readonly split: DaysAndRests;
}

export interface FoundList {
  readonly entries: readonly TopEntry[];
  /** Of all values that have a name; undefined where not every value was looked at. */
  readonly named: Sums | undefined;
}

const count = z.coerce.number();
const rowSchema = z.object({
  ...{ value: z.string(), requests: count, bytes: count, all_requests: count, all_bytes: count },
});

export async function findList(
  queries: ReportQueries,
  question: ListQuestion,
  signal: AbortSignal,
): Promise<FoundList> {
  const { scope, orderBy, limit } = question;
  const isPicked = needsCandidates(question);
  const candidates = isPicked ? await findCandidates(queries, question, signal) : undefined;
  if (candidates?.length === 0) return { entries: [], named: undefined };
  const rows = await queries.rows(rowSchema, {
    query: `
      SELECT value, sum(counted) AS requests, sum(sent) AS bytes,
        sum(requests) OVER () AS all_requests, sum(bytes) OVER () AS all_bytes
      FROM (${piecesOf(question, candidates).join("\nUNION ALL\n")})
      WHERE value != ''
      GROUP BY value
      ORDER BY ${ORDERS[orderBy]} DESC, value
      LIMIT {limit:UInt32}`,
    params: { ...paramsOf(question), limit },
    ...{ accountId: scope.accountId, source: "lines", signal },
  });
  const [first] = rows;
  const named = { requests: first?.all_requests ?? 0, bytes: first?.all_bytes ?? 0 };
  return {
    entries: rows.map(({ value, requests, bytes }) => ({ value, requests, bytes })),
    named: isPicked ? undefined : named,
  };
}

function paramsOf({ scope, what }: ListQuestion) {
  return { account: scope.accountId, distribution: scope.distributionId ?? WHOLE_ACCOUNT, what };
}

/**
 * A whole account may have had millions of URLs: of its days, those with the most requests are kept by name, and these are
 * counted exactly. What sent the most bytes may be none of those, and takes a look at all.
 */
export function needsCandidates({ scope, what, orderBy, split }: ListQuestion): boolean {
  return isOfAccount(scope) && isUrl(what) && orderBy === "requests" && split.days !== undefined;
}

function isOfAccount({ distributionId }: TrafficScope): boolean {
  return distributionId === undefined;
}

function isUrl(what: ListedSubject): boolean {
  return what === "url" || what === "error";
}

function piecesOf({ scope, what, split }: ListQuestion, candidates: readonly Candidate[] | undefined): string[] {
  // Of URLs there are no rows that count whole accounts.
  const ofDays =
    isOfAccount(scope) && isUrl(what) ? `distribution_id != ${WHOLE}` : "distribution_id = {distribution:UUID}";
  const pick = (value: string) =>
    candidates === undefined ? "" : `AND (distribution_id, ${value}) IN (${pairsOf(candidates)})`;
  return [
    ...daysIn(split).map(
      (condition) => `SELECT value, requests AS counted, bytes_out AS sent FROM top_day
        WHERE account_id = {account:UUID} AND what = {what:String} AND ${ofDays} AND ${condition} ${pick("value")}`,
    ),
    ...split.rests.map(
      (rest) => `SELECT ${VALUES[what]} AS value, toUInt64(weight) AS counted, access_log.bytes_out * weight AS sent
        FROM access_log WHERE ${requestsOf(scope, what, rest)} ${pick(VALUES[what])}`,
    ),
  ];
}

const WHOLE = `toUUID('${WHOLE_ACCOUNT}')`;

const candidateSchema = z.object({ distribution: z.uuid(), value: z.string() });
type Candidate = z.output<typeof candidateSchema>;

/** Some more than are asked for: what is guessed of each is too high or too low by a little. Each costs a look in every part. */
function candidatesOf(limit: number): number {
  return Math.ceil(1.2 * limit) + 10;
}

/**
 * Those of the days by what their lists guess, and of the rests by what is counted, added up: to merge the lists would take
 * longer, and guess worse.
 */
async function findCandidates(
  queries: ReportQueries,
  question: ListQuestion,
  signal: AbortSignal,
): Promise<readonly Candidate[]> {
  const { scope, what, split, limit } = question;
  const ofDays = daysIn(split).map(
    (condition) => `SELECT toUUID(substring(entry.1, 1, 36)) AS distribution_id, substring(entry.1, 38) AS value,
        entry.2 AS counted
      FROM (SELECT arrayJoin(finalizeAggregation(top)) AS entry FROM top_account_day
        WHERE account_id = {account:UUID} AND what = {what:String} AND ${condition})`,
  );
  const ofRests = split.rests.map(
    (rest) => `SELECT distribution_id, ${VALUES[what]} AS value, toUInt64(weight) AS counted
      FROM access_log WHERE ${requestsOf(scope, what, rest)}`,
  );
  return queries.rows(candidateSchema, {
    query: `SELECT toString(distribution_id) AS distribution, value FROM (${[...ofDays, ...ofRests].join("\nUNION ALL\n")})
      GROUP BY distribution_id, value ORDER BY sum(counted) DESC LIMIT ${candidatesOf(limit)}`,
    params: paramsOf(question),
    ...{ accountId: scope.accountId, source: "lines", signal },
  });
}

function pairsOf(candidates: readonly Candidate[]): string {
  return candidates.map(({ distribution, value }) => `(${literal(distribution)}, ${literal(value)})`).join(", ");
}

function daysIn({ days }: DaysAndRests): string[] {
  if (days === undefined) return [];
  return [`day >= toDate('${dateOf(days.from)}') AND day < toDate('${dateOf(days.to)}')`];
}

function dateOf(midnight: Date): string {
  return midnight.toISOString().slice(0, 10);
}

function requestsOf({ distributionId }: TrafficScope, what: ListedSubject, { from, to }: Period): string {
  return [
    "account_id = {account:UUID}",
    ...(distributionId === undefined ? [] : ["distribution_id = {distribution:UUID}"]),
    ...(what === "error" ? ["status >= 400"] : []),
    `time >= fromUnixTimestamp64Milli(${from.getTime()}) AND time < fromUnixTimestamp64Milli(${to.getTime()})`,
  ].join(" AND ");
}
