// The traffic report in words and numbers: what may be asked, and the points of time an answer has. No I/O.
import type { FieldFault } from "../../../../platform/problem.ts";
import { KEPT_DAYS } from "../log/access-log.ts";

export const trafficMetrics = [
  "requests",
  "bytes",
  "bytes_in",
  "hits",
  "hit_ratio",
  "status_2xx",
  "status_3xx",
  "status_4xx",
  "status_5xx",
] as const;
export type TrafficMetric = (typeof trafficMetrics)[number];
export const trafficIntervals = ["minute", "hour", "day", "month"] as const;
export type TrafficInterval = (typeof trafficIntervals)[number];
export const trafficGroups = ["distribution_id", "edge_id", "cache_status", "status_class", "protocol"] as const;
export type TrafficGroup = (typeof trafficGroups)[number];

export interface TrafficRequest {
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
  readonly interval: TrafficInterval;
  readonly metrics: readonly TrafficMetric[];
  readonly groupBy: TrafficGroup | undefined;
}

/** One line of the answer: of one point of time, and of one group when the request groups. */
export interface TrafficPoint {
  readonly time: Date;
  readonly group: string | undefined;
  readonly values: Readonly<Partial<Record<TrafficMetric, number>>>;
}

const POINTS_MAX = 1_500;
export const ROWS_MAX = 10_000;
const DAY_MS = 24 * 3600 * 1000;
const FIXED_MS = { minute: 60_000, hour: 3_600_000, day: DAY_MS };
export const defaultMetrics: readonly TrafficMetric[] = ["requests", "bytes", "hit_ratio"];

/** Without `from`: the last 24 hours, beginning with a whole interval. */
export function periodOf(
  asked: { from?: Date | undefined; to?: Date | undefined; interval: TrafficInterval },
  now: Date,
) {
  const to = asked.to ?? now;
  return { from: asked.from ?? startOf(new Date(to.getTime() - DAY_MS), asked.interval), to };
}

export function periodFaults({ from, to, interval }: Pick<TrafficRequest, "from" | "to" | "interval">): FieldFault[] {
  if (from >= to) return [{ pointer: "?from", detail: "must be before `to`." }];
  const days = (to.getTime() - from.getTime()) / DAY_MS;
  if (days > KEPT_DAYS + 2) {
    return [
      { pointer: "?from", detail: `must be at most ${KEPT_DAYS} days before \`to\`: log lines are kept that long.` },
    ];
  }
  const points = pointsOf({ from, to, interval }).length;
  if (points <= POINTS_MAX) return [];
  const detail = `gives ${points} points in this period, and ${POINTS_MAX} are the limit: ask for a longer interval or a shorter period.`;
  return [{ pointer: "?interval", detail }];
}

/** The beginning of each interval that the period touches. */
export function pointsOf({ from, to, interval }: Pick<TrafficRequest, "from" | "to" | "interval">): Date[] {
  const points: Date[] = [];
  for (let point = startOf(from, interval); point < to; point = after(point, interval)) points.push(point);
  return points;
}

function startOf(time: Date, interval: TrafficInterval): Date {
  if (interval === "month") return new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth()));
  const lengthMs = FIXED_MS[interval];
  return new Date(Math.floor(time.getTime() / lengthMs) * lengthMs);
}

function after(point: Date, interval: TrafficInterval): Date {
  if (interval === "month") return new Date(Date.UTC(point.getUTCFullYear(), point.getUTCMonth() + 1));
  return new Date(point.getTime() + FIXED_MS[interval]);
}

/** Every point of time, and at each every group that occurs in the period: what has no traffic is zero. */
export function fillGaps(found: readonly TrafficPoint[], request: TrafficRequest): TrafficPoint[] {
  const known = new Map(found.map((point) => [placeOf(point.time, point.group), point]));
  const groups = request.groupBy === undefined ? [undefined] : groupsOf(found);
  const nothing = Object.fromEntries(request.metrics.map((metric) => [metric, 0]));
  return pointsOf(request).flatMap((time) =>
    groups.map((group) => known.get(placeOf(time, group)) ?? { time, group, values: nothing }),
  );
}

export function groupsOf(found: readonly TrafficPoint[]): readonly (string | undefined)[] {
  return [...new Set(found.map((point) => point.group))].sort();
}

function placeOf(time: Date, group: string | undefined): string {
  return `${time.getTime()} ${group ?? ""}`;
}
