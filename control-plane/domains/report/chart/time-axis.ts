// Which points of a series carry a label, and how it reads on the clocks of a time zone. No I/O.
import type { Interval } from "../traffic/zone.ts";

const DAY_MINUTES = 1_440;
const MINUTE_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720];
const DAY_STEPS = [1, 2, 7, 14];
const MONTH_STEPS = [1, 3, 6, 12];
const MONTH_DAYS_MIN = 28;

interface Reading {
  readonly date: string;
  readonly minuteOfDay: number;
  /** Days since 1970, of the local calendar. */
  readonly day: number;
  readonly dayOfMonth: number;
  readonly month: number;
  readonly isNewDay: boolean;
}

/** Labels by the index of their point, so many at most; round times rather than every so many points. */
export function labelsOf(times: readonly Date[], timezone: string, labelsMax: number): ReadonlyMap<number, string> {
  const readings = readingsOf(times, timezone);
  const [first, second] = readings;
  const isOfMonths = first !== undefined && second !== undefined && second.day - first.day >= MONTH_DAYS_MIN;
  for (const { isMarked, labelOf } of isOfMonths ? monthMarks() : [...dayMarks(), ...monthMarks()]) {
    const marked = readings.flatMap((reading, index) =>
      isMarked(reading) ? [[index, labelOf(reading)] as const] : [],
    );
    if (marked.length > 0 && marked.length <= labelsMax) return new Map(marked);
  }
  return new Map(first === undefined ? [] : [[0, `${first.date} ${clockOf(first)}`]]);
}

interface Mark {
  isMarked(reading: Reading): boolean;
  labelOf(reading: Reading): string;
}

function* dayMarks(): Generator<Mark> {
  for (const step of MINUTE_STEPS) {
    yield {
      isMarked: ({ minuteOfDay, isNewDay }) => isNewDay || minuteOfDay % step === 0,
      labelOf: (reading) => (reading.isNewDay ? reading.date : clockOf(reading)),
    };
  }
  // 1970 began on a Thursday: weeks begin on Monday.
  for (const step of DAY_STEPS) {
    yield { isMarked: ({ isNewDay, day }) => isNewDay && (day + 3) % step === 0, labelOf: ({ date }) => date };
  }
}

function* monthMarks(): Generator<Mark> {
  for (const step of MONTH_STEPS) {
    yield {
      isMarked: ({ isNewDay, dayOfMonth, month }) => isNewDay && dayOfMonth === 1 && (month - 1) % step === 0,
      labelOf: ({ date, day }) =>
        `${date.split(" ")[1] ?? date} ${new Date(day * DAY_MINUTES * 60_000).getUTCFullYear()}`,
    };
  }
}

function clockOf({ minuteOfDay }: Reading): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(Math.floor(minuteOfDay / 60))}:${two(minuteOfDay % 60)}`;
}

function readingsOf(times: readonly Date[], timezone: string): readonly Reading[] {
  const clock = new Intl.DateTimeFormat("en-GB", {
    ...{ timeZone: timezone, hourCycle: "h23", year: "numeric", month: "short", day: "numeric" },
    ...{ hour: "2-digit", minute: "2-digit" },
  });
  let dayBefore: number | undefined;
  return times.map((time) => {
    const parts = new Map(clock.formatToParts(time).map(({ type, value }) => [type, value]));
    const date = `${parts.get("day")} ${parts.get("month")}`;
    const minuteOfDay = Number(parts.get("hour")) * 60 + Number(parts.get("minute"));
    const midnight = new Date(`${date} ${parts.get("year")} UTC`);
    const day = midnight.getTime() / (DAY_MINUTES * 60_000);
    // Where a change of the clock skips midnight, the day begins later.
    const isNewDay = dayBefore === undefined ? minuteOfDay === 0 : day !== dayBefore;
    dayBefore = day;
    return { date, minuteOfDay, day, dayOfMonth: midnight.getUTCDate(), month: midnight.getUTCMonth() + 1, isNewDay };
  });
}

/** `1 May 2026, 00:00`. */
export function momentOn(time: Date, timezone: string): string {
  return new Intl.DateTimeFormat("en-GB", {
    ...{ timeZone: timezone, hourCycle: "h23", year: "numeric", month: "short", day: "numeric" },
    ...{ hour: "2-digit", minute: "2-digit" },
  }).format(time);
}

export const intervalNames = {
  minute: "minute",
  "5minutes": "5 minutes",
  hour: "hour",
  day: "day",
  month: "month",
} satisfies Record<Interval, string>;
