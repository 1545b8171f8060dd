// The clocks of time zones: where minutes, hours, days and months begin, also on days when clocks are put forward or back.
// The zones are those of Node's ICU; ClickHouse is told instants alone. No I/O.
import { LRUCache } from "lru-cache";

export const intervals = ["minute", "5minutes", "hour", "day", "month"] as const;
export type Interval = (typeof intervals)[number];

export interface Period {
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const STEPS_MS = { minute: MINUTE_MS, "5minutes": 5 * MINUTE_MS, hour: HOUR_MS };

/** Names of the IANA database alone: an offset like +05:30 is none. */
const NAME = /^[A-Za-z][\w+-]*(\/[\w+-]+)*$/;
const ZONES_MAX = 600;
const clocks = new LRUCache<string, Intl.DateTimeFormat>({ max: ZONES_MAX });

export function isTimeZone(name: string): boolean {
  if (!NAME.test(name)) return false;
  try {
    clockOf(name);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** The beginning of each interval that the period touches. */
export function startsOf({ from, to }: Period, interval: Interval, zone: string): Date[] {
  const starts: Date[] = [];
  for (let start = startOf(from, interval, zone); start < to; start = endOf(start, interval, zone)) starts.push(start);
  return starts;
}

/** The beginning of the interval that the moment lies in. A change of the clock begins a new minute, and a new hour. */
export function startOf(moment: Date, interval: Interval, zone: string): Date {
  const at = moment.getTime();
  const reading = readingOf(at, zone);
  if (interval === "month") return new Date(firstAt(monthOf(reading, 0), zone));
  if (interval === "day") return new Date(firstAt(reading - modulo(reading, DAY_MS), zone));
  const start = at - modulo(reading, STEPS_MS[interval]);
  return new Date(isSameOffset(start, at, zone) ? start : changeBetween(start, at, zone));
}

/** Where the interval ends that begins there. */
export function endOf(startTime: Date, interval: Interval, zone: string): Date {
  const start = startTime.getTime();
  const reading = readingOf(start, zone);
  if (interval === "month" || interval === "day") {
    // A zone may skip a whole day, as Samoa did.
    for (let count = 1; ; count += 1) {
      const next = interval === "month" ? monthOf(reading, count) : reading - modulo(reading, DAY_MS) + count * DAY_MS;
      const end = firstAt(next, zone);
      if (end > start) return new Date(end);
    }
  }
  const stepMs = STEPS_MS[interval];
  const end = start + stepMs - modulo(reading, stepMs);
  return new Date(isSameOffset(start, end - 1, zone) ? end : changeBetween(start, end - 1, zone));
}

/** The first moment at which the zone's clocks show this, or the one at which they skip it: `2026-03-29` or a time of day. */
export function momentOf(reading: string, zone: string): Date {
  return new Date(firstAt(Date.parse(`${reading}Z`), zone));
}

/** How much of the period has passed. */
export function secondsOf({ from, to }: Period, now: Date): number {
  return (earliest(to, now).getTime() - from.getTime()) / 1000;
}

export function earliest(one: Date, other: Date): Date {
  return one < other ? one : other;
}

export function latest(one: Date, other: Date): Date {
  return one < other ? other : one;
}

/** What the zone's clocks show, as if it were a time in UTC. */
function readingOf(at: number, zone: string): number {
  if (zone === "UTC") return at;
  const part: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of clockOf(zone).formatToParts(at)) part[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) + modulo(at, 1000);
}

function clockOf(zone: string): Intl.DateTimeFormat {
  const known = clocks.get(zone);
  if (known !== undefined) return known;
  const digits = "2-digit";
  const clock = new Intl.DateTimeFormat("en-US", {
    ...{ timeZone: zone, hourCycle: "h23", year: "numeric", month: digits, day: digits },
    ...{ hour: digits, minute: digits, second: digits },
  });
  clocks.set(zone, clock);
  return clock;
}

function firstAt(reading: number, zone: string): number {
  const [early, late] = [reading + DAY_MS, reading - DAY_MS]
    .map((near) => reading - offsetOf(near, zone))
    .sort((a, b) => a - b);
  if (early === undefined || late === undefined) throw new Error("two moments were looked at");
  if (readingOf(early, zone) === reading) return early;
  if (readingOf(late, zone) === reading) return late;
  return changeBetween(early, late, zone);
}

/** The first moment of the later one's offset. */
function changeBetween(early: number, late: number, zone: string): number {
  let [before, after] = [early, late];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (isSameOffset(middle, late, zone)) after = middle;
    else before = middle;
  }
  return after;
}

function isSameOffset(one: number, other: number, zone: string): boolean {
  return offsetOf(one, zone) === offsetOf(other, zone);
}

function offsetOf(at: number, zone: string): number {
  return readingOf(at, zone) - at;
}

function monthOf(reading: number, later: number): number {
  const date = new Date(reading);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + later);
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
