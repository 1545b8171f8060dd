// A report's question as one SELECT over the segments of its plan. Values go in as literals: some lists are too long for
// parameters, which travel in the address.
import { columns, expressionOf, type Filter, type Group, STATUS_CLASS } from "./dimensions.ts";
import { type Ingredient, type Sum, sums, ttfbQuantiles } from "./metrics.ts";
import type { Family, Range, Segment, Table } from "./plan.ts";

export interface Scope {
  readonly accountIds: readonly string[] | "all";
  readonly distributionIds: readonly string[] | "all";
}

export interface Question {
  readonly scope: Scope;
  readonly filter: Filter;
  readonly group: Group | undefined;
  /** Where points begin; the first may lie before the period. */
  readonly starts: readonly Date[];
}

/** What one family of tables is asked for. */
export interface Share {
  readonly family: Family;
  readonly segments: readonly Segment[];
  readonly ingredients: readonly Ingredient[];
}

/** A row of `measure_*` that counts a whole account. */
export const WHOLE_ACCOUNT = "00000000-0000-0000-0000-000000000000";
/** All groups that are not among the largest; none is called so. */
export const OTHERS = "(other)";

/**
 * Rows of points (and groups), of groups over the whole period, and of all together: what a row does not tell apart is null
 * in it. `largest`: the groups that have rows of their own; undefined: all have.
 */
export function pointsQuery(question: Question, share: Share, largest: readonly string[] | undefined): string {
  const [names, sets] =
    question.group === undefined ? ["point", "(point), ()"] : ["point, in_group", "(point, in_group), (in_group), ()"];
  return `SELECT ${names}, ${share.ingredients.map(merged).join(", ")}
FROM (${piecesOf(question, share, largest)})
GROUP BY GROUPING SETS (${sets})
SETTINGS group_by_use_nulls = 1`;
}

/** The groups with the most requests. */
export function largestQuery(question: Question, share: Share, count: number): string {
  return `SELECT in_group, sum(c_requests) AS requests
FROM (${piecesOf({ ...question, starts: question.starts.slice(0, 1) }, share, undefined)})
GROUP BY in_group ORDER BY requests DESC, in_group LIMIT ${count}`;
}

function piecesOf(question: Question, share: Share, largest: readonly string[] | undefined): string {
  return share.segments.map((segment) => pieceOf(question, share, segment, largest)).join("\nUNION ALL\n");
}

function pieceOf(
  question: Question,
  { family, ingredients }: Share,
  { table, ranges }: Segment,
  largest: readonly string[] | undefined,
): string {
  const { group, starts } = question;
  const inGroup = group === undefined ? [] : [`${groupOf(group, largest)} AS in_group`];
  const parts = ingredients.map((name) => `${partOf(name, family, table)} AS c_${name}`);
  const conditions = [...scopeOf(question, table, family), ...filterOf(question.filter), rangesOf(ranges, table)];
  return `SELECT ${[`${pointOf(starts)} AS point`, ...inGroup, ...parts].join(", ")}
FROM ${table.name} AS t
WHERE ${conditions.join(" AND ")}
GROUP BY point${group === undefined ? "" : ", in_group"}`;
}

function groupOf(group: Group, largest: readonly string[] | undefined): string {
  const expression = expressionOf(group);
  if (largest === undefined) return expression;
  return `if(${expression} IN (${literals(largest)}), ${expression}, ${literal(OTHERS)})`;
}

/** The second at which the row's point begins. */
function pointOf(starts: readonly Date[]): string {
  const seconds = starts.map((start) => start.getTime() / 1000);
  const [first = 0, second = first + 1] = seconds;
  if (seconds.length < 2) return `toUInt32(${first})`;
  const step = second - first;
  const isEven = seconds.every((start, index) => start === first + index * step);
  if (isEven) return `toUInt32(${first} + intDiv(toUnixTimestamp(t.time) - ${first}, ${step}) * ${step})`;
  return `toUInt32(roundDown(toUnixTimestamp(t.time), [${seconds.join(",")}]))`;
}

function scopeOf({ scope, group }: Question, table: Table, family: Family): string[] {
  const { accountIds, distributionIds } = scope;
  const ofAccounts = accountIds === "all" ? [] : [`account_id IN (${literals(accountIds)})`];
  if (distributionIds !== "all") return [...ofAccounts, `distribution_id IN (${literals(distributionIds)})`];
  // Of requests there are no rows that count whole accounts.
  if (family.kind !== "measure" || table.bucketMs === null) return ofAccounts;
  return [...ofAccounts, `distribution_id ${group === "distribution_id" ? "!=" : "="} ${literal(WHOLE_ACCOUNT)}`];
}

function filterOf(filter: Filter): string[] {
  const ofColumns = columns.flatMap((column) => {
    const values = filter[column];
    return values === undefined || column === "status" ? [] : [`${column} IN (${literals(values)})`];
  });
  const ofStatus = [
    ...(filter.status === undefined ? [] : [`status IN (${literals(filter.status)})`]),
    ...(filter.status_class === undefined ? [] : [`${STATUS_CLASS} IN (${literals(filter.status_class)})`]),
  ];
  return ofStatus.length === 0 ? ofColumns : [...ofColumns, `(${ofStatus.join(" OR ")})`];
}

function rangesOf(ranges: readonly Range[], { bucketMs }: Table): string {
  const at = (ms: number) =>
    bucketMs === null ? `fromUnixTimestamp64Milli(${ms}, 'UTC')` : `toDateTime(${ms / 1000}, 'UTC')`;
  return `(${ranges.map(({ start, end }) => `t.time >= ${at(start)} AND t.time < ${at(end)}`).join(" OR ")})`;
}

// Served from the cache, be it after asking the origin whether it still holds.
const IS_HIT = "cache_status IN ('HIT', 'STALE', 'UPDATING', 'REVALIDATED')";
const ofClass = (amount: string, statusClass: number) => `sumIf(${amount}, ${STATUS_CLASS} = ${statusClass})`;

/** Of requests, each of which stands for `weight`. */
const OF_REQUESTS: Readonly<Record<Ingredient, string>> = {
  requests: "sum(weight)",
  hits: `sumIf(weight, ${IS_HIT})`,
  bytes_out: "sum(t.bytes_out * weight)",
  hit_bytes: `sumIf(t.bytes_out * weight, ${IS_HIT})`,
  bytes_in: "sum(t.bytes_in * weight)",
  origin_requests: "sumIf(weight, origin_ms IS NOT NULL)",
  origin_bytes: "sum(t.origin_bytes * weight)",
  errors: ofClass("weight", 5),
  status_1xx: ofClass("weight", 1),
  status_2xx: ofClass("weight", 2),
  status_3xx: ofClass("weight", 3),
  status_4xx: ofClass("weight", 4),
  visitors: "uniqCombined64State(client_hash)",
  ttfb: "quantilesTDigestState(0.5, 0.95, 0.99)(ttfb_ms)",
};

const IN_TRAFFIC: Readonly<Partial<Record<Ingredient, string>>> = {
  errors: ofClass("t.requests", 5),
  status_1xx: ofClass("t.requests", 1),
  status_2xx: ofClass("t.requests", 2),
  status_3xx: ofClass("t.requests", 3),
  status_4xx: ofClass("t.requests", 4),
};

function partOf(name: Ingredient, family: Family, table: Table): string {
  if (table.bucketMs === null) return OF_REQUESTS[name];
  if (name === "visitors") return "uniqCombined64MergeState(t.visitors)";
  if (name === "ttfb") return "quantilesTDigestMergeState(0.5, 0.95, 0.99)(t.ttfb)";
  return (family.kind === "traffic" ? IN_TRAFFIC[name] : undefined) ?? `sum(t.${name})`;
}

function merged(name: Ingredient): string {
  if (name === "visitors") return "uniqCombined64Merge(c_visitors) AS visitors";
  if (!isSum(name)) {
    const quantiles = Object.values(ttfbQuantiles);
    return quantiles
      .map((_, index) => `quantilesTDigestMerge(${quantiles.join(", ")})(c_ttfb)[${index + 1}]`)
      .map((value, index) => `${value} AS ${Object.keys(ttfbQuantiles)[index]}`)
      .join(", ");
  }
  return `sum(c_${name}) AS ${name}`;
}

function isSum(name: Ingredient): name is Sum {
  return sums.some((sum) => sum === name);
}

function literals(values: readonly string[]): string {
  return values.map(literal).join(", ");
}

/** Nothing but these two characters ends or changes a quoted text. */
export function literal(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
