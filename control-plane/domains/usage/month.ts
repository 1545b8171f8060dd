// Months, which usage is counted and billed by: in UTC, whatever the time zone of whoever asks or of this machine. No I/O.

import { minutesKeptDays } from "../report/index.ts";

/** Such as `2026-11`: sorts as time does. */
export type Month = string;

export const MONTH_PATTERN = /^20\d\d-(0[1-9]|1[0-2])$/;

const DAY_MS = 24 * 3_600_000;
const FIVE_MINUTES_MS = 5 * 60_000;

export interface Period {
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
}

export function monthOf(time: Date): Month {
  return time.toISOString().slice(0, 7);
}

export function periodOf(month: Month): Period {
  const from = new Date(`${month}-01T00:00:00.000Z`);
  return { from, to: new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + 1)) };
}

export function monthBefore(month: Month): Month {
  return monthOf(new Date(periodOf(month).from.getTime() - DAY_MS));
}

/** Of the months from the first to the last, up to `limit`; the newest first. */
export function monthsBetween(first: Month, last: Month, limit: number): readonly Month[] {
  const months: Month[] = [];
  for (let month = last; month >= first && months.length < limit; month = monthBefore(month)) months.push(month);
  return months;
}

/** What of the month has happened by now; undefined: it has not begun. */
export function pastOf(month: Month, now: Date): Period | undefined {
  const { from, to } = periodOf(month);
  return now < from ? undefined : { from, to: now < to ? now : to };
}

/** Each day that the period touches, as `2026-11-20`. */
export function daysOf({ from, to }: Period): readonly string[] {
  const days: string[] = [];
  for (let time = from.getTime(); time < to.getTime(); time += DAY_MS) {
    days.push(new Date(time).toISOString().slice(0, 10));
  }
  return days;
}

/**
 * How many of the period's five-minute sums the 95th percentile leaves out: with all of them in falling order, those without
 * traffic too, it is the first one behind these. That is the nearest rank: of n sums in rising order the ceil(0.95 n)-th.
 */
export function droppedAbove95th({ from, to }: Period): number {
  return Math.floor(Math.ceil((to.getTime() - from.getTime()) / FIVE_MINUTES_MS) / 20);
}

const MINUTES_KEPT_MS = minutesKeptDays * DAY_MS;

/** Whether all of the period's minutes are still there to be counted. */
export function areMinutesKept({ from }: Period, now: Date): boolean {
  return now.getTime() - from.getTime() <= MINUTES_KEPT_MS;
}

/** Bits per second, on average over the five minutes. */
export function bandwidthOf(bytesInFiveMinutes: number): number {
  return Math.round((bytesInFiveMinutes * 8) / (FIVE_MINUTES_MS / 1000));
}
