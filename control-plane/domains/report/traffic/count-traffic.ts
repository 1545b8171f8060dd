// Counts what a report asks for: shared out to tables, asked, and put together by point and group.
import { z } from "zod";
import type { FieldFault } from "../../../../platform/problem.ts";
import { invalidRequest } from "../../../http/problems.ts";
import { columnsOf, type Group } from "./dimensions.ts";
import { type Lane, lanesOf } from "./lanes.ts";
import { type Counted, type CountedName, countedNames, type Ingredient } from "./metrics.ts";
import { planOf } from "./plan.ts";
import type { ReportQueries, Source } from "./report-queries.ts";
import { isOfDistributions, largestQuery, OTHERS, pointsQuery, type Question, type Share } from "./sql.ts";
import type { Period } from "./zone.ts";

export interface Asked extends Question {
  readonly period: Period;
  readonly ingredients: readonly Ingredient[];
  /** As many of the largest are told apart; the rest is one. */
  readonly groupsMax: number | "all";
  readonly isOfOwnEdges?: boolean;
}

export interface Told {
  /** By the moment at which a point begins, then by group ("" without groups): what has no traffic is absent. */
  readonly points: ReadonlyMap<number, ReadonlyMap<string, Counted>>;
  /** Over the whole period, the largest first, the rest last. Empty without groups. */
  readonly groups: ReadonlyMap<string, Counted>;
  readonly total: Counted;
}

export interface Asking {
  readonly queries: ReportQueries;
  readonly accountId: string;
  /** Default: what it is read from. */
  readonly source?: Source;
  readonly now: Date;
  readonly signal: AbortSignal;
}

export async function countTraffic(asked: Asked, asking: Asking): Promise<Told> {
  const isOfOwnEdges = asked.isOfOwnEdges === true || !(await mayHaveOthers(asked, asking));
  const question = { ...asked, isOfOwnEdges, ingredients: withOrder(asked) };
  const shares = sharesOf(question, question.ingredients, asking.now);
  const named = await findNamed(question, asking);
  const answers = await Promise.all(
    shares.map((share) => ask(rowSchema, { query: pointsQuery(asked, share, named), share }, asking)),
  );
  return putTogether(answers.flat());
}

/** Most accounts have nothing with other providers, and need not have it looked for. */
async function mayHaveOthers({ scope }: Asked, { queries }: Asking): Promise<boolean> {
  const others = await queries.accountsElsewhere();
  return scope.accountIds === "all" ? others.size > 0 : scope.accountIds.some((id) => others.has(id));
}

/** Of these there are a dozen at most. */
const FEW: ReadonlySet<Group | undefined> = new Set([
  "provider",
  "status_class",
  "cache_status",
  "protocol",
  "content_kind",
]);
const FEW_MAX = 20;

/** The groups that are told apart; undefined: all of them. */
async function findNamed(asked: Asked, asking: Asking): Promise<readonly string[] | undefined> {
  const { group, groupsMax } = asked;
  if (group === undefined || groupsMax === "all" || areFew(asked)) return undefined;
  const largest = await findLargest(asked, groupsMax + 1, asking);
  // Where there are no more groups than may be told apart, nothing is left for a rest.
  return largest.length > groupsMax ? largest.slice(0, groupsMax) : undefined;
}

function areFew({ group, groupsMax }: Asked): boolean {
  return FEW.has(group) && (groupsMax === "all" || groupsMax >= FEW_MAX);
}

/** Groups stand in the order of their requests. */
function withOrder(asked: Asked): readonly Ingredient[] {
  if (asked.group === undefined || asked.groupsMax === "all") return asked.ingredients;
  return [...new Set<Ingredient>(["requests", ...asked.ingredients])];
}

async function findLargest(asked: Asked, count: number, asking: Asking): Promise<readonly string[]> {
  const [share] = sharesOf(asked, ["requests"], asking.now);
  if (share === undefined) throw new Error("requests are told by some table");
  const query = largestQuery(asked, share, count);
  return (await ask(groupSchema, { query, share }, asking)).map((row) => row.in_group);
}

function ask<Row>(
  row: z.ZodType<Row>,
  { query, share }: { query: string; share: Share },
  { queries, accountId, source, signal }: Asking,
): Promise<Row[]> {
  return queries.rows(row, { query, accountId, signal, source: source ?? sourceOf(share) });
}

/** Where a period begins and ends within a minute, little of the lines is read beside roll-ups. */
const FEW_LINES_MS = 2 * 60_000;

function sourceOf({ segments }: Share): Source {
  const ofLines = segments.flatMap(({ table, ranges }) => (table.bucketMs === null ? ranges : []));
  return ofLines.reduce((sum, { start, end }) => sum + end - start, 0) > FEW_LINES_MS ? "lines" : "roll-ups";
}

function sharesOf(asked: Asked, ingredients: readonly Ingredient[], now: Date): readonly Share[] {
  const period = { from: asked.period.from, to: untilMinute(asked.period.to, now) };
  const wanted = {
    ingredients,
    columns: columnsOf(asked.filter, asked.group),
    isOfDistributions: isOfDistributions(asked),
    isOfOwnEdges: asked.isOfOwnEdges ?? false,
  };
  const shares = new Map<string, Share>();
  for (const lane of lanesOf(wanted)) {
    const plan = planOf(period, asked.starts, lane.tables, now);
    if ("untold" in plan) throw invalidRequest([untoldFault(lane, { period, starts: asked.starts, now })]);
    // What the same segments tell is asked at once.
    const key = JSON.stringify(plan.segments);
    shares.set(key, { lanes: [...(shares.get(key)?.lanes ?? []), lane], segments: plan.segments });
  }
  return [...shares.values()];
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Nothing has happened yet after now: whoever asks until then need not have the running minute counted by its requests. */
function untilMinute(to: Date, now: Date): Date {
  if (to < now) return to;
  // A clock that is ahead may have brought a few lines.
  const end = Math.min(to.getTime(), now.getTime() + DAY_MS);
  return new Date(Math.ceil(end / MINUTE_MS) * MINUTE_MS);
}

function untoldFault({ tables }: Lane, when: PlannedPeriod): FieldFault {
  const kept = tables.map(({ bucketMs, keptDays }) => `${bucketNames.get(bucketMs) ?? "more"} for ${keptDays} days`);
  const whole = tables.flatMap(({ bucketMs }) => (bucketMs === null ? [] : [wholeBuckets(when.period, bucketMs)]));
  const told = whole.reverse().find((period) => !("untold" in planOf(period, when.starts, tables, when.now)));
  const cure =
    told === undefined
      ? "Ask for a later period, for days of UTC, or without some of the metrics, groups or filters."
      : `Ask from ${told.from.toISOString()} to ${told.to.toISOString()}.`;
  return {
    pointer: "?from",
    detail: `is too long ago for what is asked, which is kept by ${kept.join(", by ")}. ${cure}`,
  };
}

interface PlannedPeriod {
  readonly period: Period;
  readonly starts: readonly Date[];
  readonly now: Date;
}

/** The period with the whole of the buckets in which it begins and ends. */
function wholeBuckets({ from, to }: Period, bucketMs: number): Period {
  const [start, end] = [Math.floor(from.getTime() / bucketMs), Math.ceil(to.getTime() / bucketMs)];
  return { from: new Date(start * bucketMs), to: new Date(end * bucketMs) };
}

const bucketNames = new Map([
  [null, "single requests"],
  [MINUTE_MS, "minutes"],
  [60 * MINUTE_MS, "hours of UTC"],
  [DAY_MS, "days of UTC"],
]);

const groupSchema = z.object({ in_group: z.string() });
/** Of numbers that are not told apart point and in_group are null; a quantile of nothing is null. */
const rowSchema = z.record(z.string(), z.union([z.string(), z.number(), z.null()]));
type Row = z.output<typeof rowSchema>;

function putTogether(rows: readonly Row[]): Told {
  const points = new Map<number, Map<string, MutableCounted>>();
  const groups = new Map<string, MutableCounted>();
  const total: MutableCounted = new Map();
  for (const { point, in_group, ...numbers } of rows) {
    const group = in_group ?? "";
    if (point != null) add(numbers, counterIn(pointIn(points, Number(point) * 1000), String(group)));
    else if (in_group != null) add(numbers, counterIn(groups, String(group)));
    else add(numbers, total);
  }
  return { points, groups: new Map([...groups].sort(byRequests)), total };
}

function byRequests([one, first]: [string, Counted], [other, second]: [string, Counted]): number {
  if (one === OTHERS || other === OTHERS) return one === OTHERS ? 1 : -1;
  const difference = (second.get("requests") ?? 0) - (first.get("requests") ?? 0);
  if (difference !== 0) return difference;
  return one < other ? -1 : 1;
}

type MutableCounted = Map<CountedName, number>;

function pointIn(points: Map<number, Map<string, MutableCounted>>, time: number): Map<string, MutableCounted> {
  const point = points.get(time) ?? new Map<string, MutableCounted>();
  points.set(time, point);
  return point;
}

function counterIn(groups: Map<string, MutableCounted>, group: string): MutableCounted {
  const counted: MutableCounted = groups.get(group) ?? new Map();
  groups.set(group, counted);
  return counted;
}

function add(numbers: Row, counted: MutableCounted): void {
  for (const name of countedNames) {
    const value = numbers[name];
    if (value != null) counted.set(name, Number(value));
  }
}
