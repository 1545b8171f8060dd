// Asks ClickHouse which URLs, referrers, user agents and errors occur most: whole days from the lists of days, the rest from
// the requests themselves.
import { z } from "zod";
import { WHOLE_ACCOUNT } from "../counted/tables.ts";
import type { ReportQueries } from "../traffic/report-queries.ts";
import type { Period } from "../traffic/zone.ts";
import type { DaysAndRests } from "./days.ts";
import type { ListedSubject, Sums, TopEntry, TopOrder, TrafficScope } from "./top.ts";

const VALUES = {
  url: "concat(toString(host), path)",
  referrer: "referrer_host",
  user_agent: "toString(user_agent_family)",
  error: "concat(toString(status), ' ', toString(host), path)",
} satisfies Record<ListedSubject, string>;

const ORDERS = { requests: "requests", bytes: "bytes" } satisfies Record<TopOrder, string>;

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
  const { scope, what, orderBy, limit } = question;
  const isPicked = needsCandidates(question);
  const pick = isPicked ? `AND (distribution_id, value) IN (${candidatesQuery(question)})` : "";
  const rows = await queries.rows(rowSchema, {
    query: `
      SELECT value, sum(counted) AS requests, sum(sent) AS bytes,
        sum(requests) OVER () AS all_requests, sum(bytes) OVER () AS all_bytes
      FROM (${piecesOf(question).join("\nUNION ALL\n")})
      WHERE value != '' ${pick}
      GROUP BY value
      ORDER BY ${ORDERS[orderBy]} DESC, value
      LIMIT {limit:UInt32}`,
    params: { account: scope.accountId, distribution: scope.distributionId ?? WHOLE_ACCOUNT, what, limit },
    ...{ accountId: scope.accountId, signal },
  });
  const [first] = rows;
  const named = { requests: first?.all_requests ?? 0, bytes: first?.all_bytes ?? 0 };
  return {
    entries: rows.map(({ value, requests, bytes }) => ({ value, requests, bytes })),
    named: isPicked ? undefined : named,
  };
}

/**
 * A whole account may have had millions of URLs: of its days, those with the most requests are kept by name, and counted
 * exactly. What sent the most bytes may be none of those, and takes a look at all.
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

function piecesOf({ scope, what, split }: ListQuestion): string[] {
  // Of URLs there are no rows that count whole accounts.
  const ofDays =
    isOfAccount(scope) && isUrl(what) ? `distribution_id != ${WHOLE}` : "distribution_id = {distribution:UUID}";
  return [
    ...daysIn(split).map(
      (condition) => `SELECT distribution_id, value, requests AS counted, bytes_out AS sent FROM top_day
        WHERE account_id = {account:UUID} AND what = {what:String} AND ${ofDays} AND ${condition}`,
    ),
    ...split.rests.map(
      (rest) => `SELECT distribution_id, ${VALUES[what]} AS value, toUInt64(weight) AS counted,
          access_log.bytes_out * weight AS sent FROM access_log WHERE ${requestsOf(scope, what, rest)}`,
    ),
  ];
}

const WHOLE = `toUUID('${WHOLE_ACCOUNT}')`;
/** As many of the rests as a list of a day has. */
const CANDIDATES_MAX = 1_000;

/** Pairs of a distribution and a value. */
function candidatesQuery({ scope, what, split }: ListQuestion): string {
  const ofDays = daysIn(split).map(
    (condition) => `SELECT toUUID(substring(item, 1, 36)) AS distribution_id, substring(item, 38) AS value
      FROM (SELECT arrayJoin(approx_top_sumMerge(${CANDIDATES_MAX}, 3000)(top)).1 AS item FROM top_account_day
        WHERE account_id = {account:UUID} AND what = {what:String} AND ${condition})`,
  );
  const ofRests = split.rests.map(
    (rest) => `SELECT distribution_id, value FROM (
      SELECT distribution_id, ${VALUES[what]} AS value, sum(weight) AS counted FROM access_log
      WHERE ${requestsOf(scope, what, rest)} GROUP BY distribution_id, value ORDER BY counted DESC LIMIT ${CANDIDATES_MAX})`,
  );
  return [...ofDays, ...ofRests].join("\nUNION ALL\n");
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
