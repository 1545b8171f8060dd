// The traffic report in words and numbers: what may be asked, and the rows that an answer has. No I/O.
import type { FieldFault } from "../../../../platform/problem.ts";
import type { Told } from "./count-traffic.ts";
import type { Filter, Group } from "./dimensions.ts";
import { type Counted, type Metric, type Values, valuesOf } from "./metrics.ts";
import { earliest, endOf, type Interval, latest, momentOf, type Period, secondsOf, startOf, startsOf } from "./zone.ts";

export interface TrafficRequest {
  readonly period: Period;
  readonly interval: Interval;
  readonly timezone: string;
  readonly metrics: readonly Metric[];
  readonly filter: Filter;
  readonly group: Group | undefined;
  readonly groupsMax: number;
}

/** Undefined group: nothing is told apart, or it is of all groups together. */
export interface TrafficRow {
  readonly group: string | undefined;
  readonly values: Values;
}

export interface TrafficPoint extends TrafficRow {
  readonly time: Date;
}

export interface TrafficReport extends TrafficRequest {
  readonly points: readonly TrafficPoint[];
  /** Each over the whole period, the largest first, what is left of the others last. */
  readonly groups: readonly TrafficRow[];
  readonly total: Values;
  /** Of all edges that carry what was asked about: whose they were is lost with them. */
  readonly lostLines: number;
}

export const POINTS_MAX = 1_500;
const ROWS_MAX = 10_000;
export const GROUPS_MAX = 1_000;
const DAY_MS = 24 * 3600 * 1000;
/** The shortest that each can be, but for hours that a change of the clock cuts. */
const LENGTHS_MS = { minute: 60_000, "5minutes": 300_000, hour: 3_600_000, day: 23 * 3_600_000, month: 28 * DAY_MS };

interface AskedPeriod {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly interval: Interval;
  readonly timezone: string;
}

/** Without `from`: the last 24 hours, beginning with a whole interval. A day alone is its beginning in the time zone. */
export function periodOf({ from, to, interval, timezone }: AskedPeriod, now: Date): Period {
  const moment = (text: string) => (text.includes("T") ? new Date(text) : momentOf(text, timezone));
  const end = to === undefined ? now : moment(to);
  return {
    from: from === undefined ? startOf(new Date(end.getTime() - DAY_MS), interval, timezone) : moment(from),
    to: end,
  };
}

export function periodFaults({ from, to }: Period, interval: Interval): FieldFault[] {
  if (from >= to) return [{ pointer: "?from", detail: "must be before `to`." }];
  const points = Math.ceil((to.getTime() - from.getTime()) / LENGTHS_MS[interval]);
  if (points <= POINTS_MAX) return [];
  const detail = `gives ${points} points in this period, and ${POINTS_MAX} are the limit: ask for a longer interval or a shorter period.`;
  return [{ pointer: "?interval", detail }];
}

/** As many groups as the rows of an answer have room for, the rest being one of them. */
export function groupsThatFit(asked: number, points: number): number {
  return Math.max(1, Math.min(asked, Math.floor(ROWS_MAX / points) - 1));
}

/** Every point of time, and at each every group of the period: what has no traffic is zero. */
export function reportOf(request: TrafficRequest, told: Told, now: Date): Omit<TrafficReport, "lostLines"> {
  const { period, interval, timezone, metrics, group } = request;
  const groups = group === undefined ? [undefined] : [...told.groups.keys()];
  const points = startsOf(period, interval, timezone).flatMap((time) => {
    const end = earliest(endOf(time, interval, timezone), period.to);
    const seconds = secondsOf({ from: latest(time, period.from), to: end }, now);
    const cells = told.points.get(time.getTime());
    return groups.map((name) => ({
      time,
      group: name,
      values: valuesOf(cells?.get(name ?? "") ?? nothing, metrics, seconds),
    }));
  });
  const seconds = secondsOf(period, now);
  return {
    ...request,
    points,
    groups: [...told.groups].map(([name, counted]) => ({ group: name, values: valuesOf(counted, metrics, seconds) })),
    total: valuesOf(told.total, metrics, seconds),
  };
}

const nothing: Counted = new Map();
