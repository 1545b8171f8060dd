// A report's question as one SELECT over the segments of its plan. Values go in as literals: some lists are too long for
// parameters, which travel in the address.
import { sumsOfLines, TTFB_BUCKET, VISITORS_FUNCTION, VISITORS_PRECISION, WHOLE_ACCOUNT } from "../counted/tables.ts";
import { columns, type Filter, type Group } from "./dimensions.ts";
import type { Lane, Table } from "./lanes.ts";
import { type Ingredient, ttfbQuantiles } from "./metrics.ts";
import type { Range, Segment } from "./plan.ts";

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

/** What the same segments tell: of lines one lane, of roll-ups maybe several, by different dimensions. */
export interface Share {
  readonly lanes: readonly Lane[];
  readonly segments: readonly Segment[];
}

/** All groups that are not among the largest; none is called so. */
export const OTHERS = "(other)";

/**
 * Rows of points (and groups), of groups over the whole period, and of all together: what a row does not tell apart is null
 * in it. `largest`: the groups that have rows of their own; undefined: all have.
 */
export function pointsQuery(question: Question, share: Share, largest: readonly string[] | undefined): string {
  const [names, sets] =
    question.group === undefined ? ["point", "(point), ()"] : ["point, in_group", "(point, in_group), (in_group), ()"];
  return `SELECT ${names}, ${share.lanes.flatMap(({ ingredients }) => ingredients.map(merged)).join(", ")}
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

/** Whether single distributions are asked for, not whole accounts. */
export function isOfDistributions({ scope, group }: Pick<Question, "scope" | "group">): boolean {
  return scope.distributionIds !== "all" || group === "distribution_id";
}

function piecesOf(question: Question, share: Share, largest: readonly string[] | undefined): string {
  const segments = share.segments.flatMap((segment) => [segment, ...besideOf(segment)]);
  return segments.map((segment) => pieceOf(question, share.lanes, segment, largest)).join("\nUNION ALL\n");
}

const MINUTE_MS = 60_000;

function besideOf({ table, ranges }: Segment): Segment[] {
  if (table.beside === undefined) return [];
  return [{ table: { ...table, name: table.beside, bucketMs: MINUTE_MS }, ranges }];
}

function pieceOf(
  question: Question,
  lanes: readonly Lane[],
  { table, ranges }: Segment,
  largest: readonly string[] | undefined,
): string {
  const { group, starts } = question;
  const inGroup = group === undefined ? [] : [`${groupOf(group, table, largest)} AS in_group`];
  const parts = lanes.flatMap(({ ingredients, dimension }) => {
    const rows = lanes.length > 1 ? `dimension = ${literal(dimension ?? "all")}` : undefined;
    const timed = ingredients.includes("ttfb") ? [`${timedRows(table, rows)} AS ttfb_rows`] : [];
    return [...ingredients.map((name) => `${partOf(name, table, rows)} AS c_${name}`), ...timed];
  });
  const conditions = [...scopeOf(question, lanes, table), ...filterOf(question.filter, table), rangesOf(ranges, table)];
  return `SELECT ${[`${pointOf(starts)} AS point`, ...inGroup, ...parts].join(", ")}
FROM ${table.name} AS t
WHERE ${conditions.join(" AND ")}
GROUP BY point${group === undefined ? "" : ", in_group"}`;
}

/** The second at which the row's point begins. */
function pointOf(starts: readonly Date[]): string {
  const seconds = starts.map((start) => start.getTime() / 1000);
  const [first = 0, second = first + 1] = seconds;
  if (seconds.length < 2) return `toUInt32(${Math.floor(first)})`;
  const step = second - first;
  const isEven = seconds.every((start, index) => start === first + index * step);
  if (isEven) return `toUInt32(${first} + intDiv(toUnixTimestamp(t.time) - ${first}, ${step}) * ${step})`;
  return `toUInt32(roundDown(toUnixTimestamp(t.time), [${seconds.join(",")}]))`;
}

function groupOf(group: Group, table: Table, largest: readonly string[] | undefined): string {
  const text = groupText(group, table);
  return largest === undefined ? text : `if(${text} IN (${literals(largest)}), ${text}, ${literal(OTHERS)})`;
}

function groupText(group: Group, table: Table): string {
  if (group === "status_class") return classText(`toString(${statusClass(table)})`);
  const text = `toString(${columnIn(table, group)})`;
  return group === "status" ? `if(length(${text}) = 1, ${classText(text)}, ${text})` : text;
}

/** A provider that tells no status has its traffic under the empty one. */
function classText(digit: string): string {
  return `if(${digit} = '0', '', concat(${digit}, 'xx'))`;
}

/** A roll-up has the two ids, and everything else that it tells apart in one column. */
function columnIn(table: Table, column: string): string {
  const isId = column === "account_id" || column === "distribution_id";
  return table.bucketMs === null || isId ? `t.${column}` : "t.value";
}

/** A provider may tell no more of a status than its class: 2 to 5. */
function statusClass(table: Table): string {
  const status = table.bucketMs === null ? "t.status" : "toUInt16OrZero(t.value)";
  return `if(${status} < 10, ${status}, intDiv(${status}, 100))`;
}

function scopeOf(question: Question, lanes: readonly Lane[], { bucketMs }: Table): string[] {
  const { accountIds, distributionIds } = question.scope;
  const ofAccounts = accountIds === "all" ? [] : [`account_id IN (${literals(accountIds)})`];
  const ofDistributions = distributionIds === "all" ? [] : [`distribution_id IN (${literals(distributionIds)})`];
  if (bucketMs === null) return [...ofAccounts, ...ofDistributions];
  const isNot = isOfDistributions(question) ? "!=" : "=";
  const dimensions = lanes.flatMap(({ dimension }) => dimension ?? []);
  const ofRows = `dimension IN (${literals(dimensions)}) AND distribution_id ${isNot} ${literal(WHOLE_ACCOUNT)}`;
  return [...ofAccounts, ofRows, ...ofDistributions];
}

function filterOf(filter: Filter, table: Table): string[] {
  const isOneOf = (column: string, values: readonly string[]) =>
    `toString(${columnIn(table, column)}) IN (${literals(values)})`;
  const ofColumns = columns.flatMap((column) => {
    const values = filter[column];
    return values === undefined || column === "status" ? [] : [isOneOf(column, values)];
  });
  const ofStatus = [
    ...(filter.status === undefined ? [] : [isOneOf("status", filter.status)]),
    ...(filter.status_class === undefined ? [] : [`${statusClass(table)} IN (${literals(filter.status_class)})`]),
  ];
  return ofStatus.length === 0 ? ofColumns : [...ofColumns, `(${ofStatus.join(" OR ")})`];
}

function rangesOf(ranges: readonly Range[], { bucketMs }: Table): string {
  const at = (ms: number) =>
    bucketMs === null ? `fromUnixTimestamp64Milli(${ms}, 'UTC')` : `toDateTime(${Math.ceil(ms / 1000)}, 'UTC')`;
  return `(${ranges.map(({ start, end }) => `t.time >= ${at(start)} AND t.time < ${at(end)}`).join(" OR ")})`;
}

const QUANTILES = "quantilesExactWeighted";
const LEVELS = Object.values(ttfbQuantiles).join(", ");

const OF_LINES: Readonly<Partial<Record<Ingredient, string>>> = sumsOfLines;

const CLASSES: Readonly<Partial<Record<Ingredient, number>>> = {
  status_1xx: 1,
  status_2xx: 2,
  status_3xx: 3,
  status_4xx: 4,
};

/** `rows`: those that tell it, where rows of other dimensions are read as well; a line tells everything. */
function partOf(name: Ingredient, table: Table, rows: string | undefined): string {
  return table.bucketMs === null ? partOfLines(name, table) : partOfRollUp(name, table, rows);
}

/** How many rows tell of times to the first byte. */
function timedRows({ bucketMs }: Table, rows = "true"): string {
  return bucketMs === null || rows === "true" ? "count()" : `countIf(${rows})`;
}

function partOfLines(name: Ingredient, table: Table): string {
  const ofClass = CLASSES[name];
  if (ofClass !== undefined) return `sumIf(weight, ${statusClass(table)} = ${ofClass})`;
  if (name === "visitors") return `${VISITORS_FUNCTION}State(${VISITORS_PRECISION})(client_hash)`;
  if (name === "ttfb") return `${QUANTILES}State(${LEVELS})(toFloat64(${TTFB_BUCKET}), toUInt64(weight))`;
  return OF_LINES[name] ?? `sum(t.${name})`;
}

function partOfRollUp(name: Ingredient, table: Table, rows = "true"): string {
  const ofClass = CLASSES[name];
  if (ofClass !== undefined) return `sumIf(t.requests, ${rows} AND ${statusClass(table)} = ${ofClass})`;
  if (name === "visitors") return `${VISITORS_FUNCTION}MergeStateIf(${VISITORS_PRECISION})(t.visitors, ${rows})`;
  if (name === "ttfb") return `${QUANTILES}StateIf(${LEVELS})(toFloat64OrZero(t.value), t.requests, ${rows})`;
  return rows === "true" ? `sum(t.${name})` : `sumIf(t.${name}, ${rows})`;
}

function merged(name: Ingredient): string {
  if (name === "visitors") return `${VISITORS_FUNCTION}Merge(${VISITORS_PRECISION})(c_visitors) AS visitors`;
  if (name !== "ttfb") return `sum(c_${name}) AS ${name}`;
  // A quantile of nothing would be 0.
  return Object.keys(ttfbQuantiles)
    .map((name, index) => `if(sum(ttfb_rows) = 0, NULL, ${QUANTILES}Merge(${LEVELS})(c_ttfb)[${index + 1}]) AS ${name}`)
    .join(", ");
}

function literals(values: readonly string[]): string {
  return values.map(literal).join(", ");
}

/** Nothing but these two characters ends or changes a quoted text. */
export function literal(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
