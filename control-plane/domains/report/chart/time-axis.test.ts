import { expect, test } from "vitest";
import { startsOf } from "../traffic/zone.ts";
import { labelsOf } from "./time-axis.ts";

function labels(from: string, to: string, interval: Parameters<typeof startsOf>[1], zone: string, max = 12) {
  const starts = startsOf({ from: new Date(from), to: new Date(to) }, interval, zone);
  return [...labelsOf(starts, zone, max)];
}

test("the hours of a day carry round times, and the date where it begins", () => {
  expect(labels("2026-05-01T22:00:00Z", "2026-05-02T22:00:00Z", "hour", "Europe/Berlin", 8)).toEqual([
    [0, "2 May"],
    [3, "03:00"],
    [6, "06:00"],
    [9, "09:00"],
    [12, "12:00"],
    [15, "15:00"],
    [18, "18:00"],
    [21, "21:00"],
  ]);
});

test("on the day when clocks are put forward the labels are what clocks show", () => {
  const spring = labels("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "hour", "Europe/Berlin");
  expect(spring.slice(0, 3)).toEqual([
    [0, "29 Mar"],
    [3, "04:00"],
    [5, "06:00"],
  ]);
});

test("a day whose midnight is skipped begins when its clocks do", () => {
  const santiago = labels("2026-09-05T04:00:00Z", "2026-09-08T03:00:00Z", "hour", "America/Santiago", 3);
  expect(santiago.map(([, label]) => label)).toEqual(["5 Sept", "6 Sept", "7 Sept"]);
});

test("a month of days is labelled by weeks, which begin on Monday; years of months by quarters and years", () => {
  expect(labels("2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z", "day", "UTC", 5).map(([, label]) => label)).toEqual([
    "6 Apr",
    "13 Apr",
    "20 Apr",
    "27 Apr",
  ]);
  expect(labels("2025-01-01T00:00:00Z", "2026-06-01T00:00:00Z", "month", "UTC", 6).map(([, label]) => label)).toEqual([
    "Jan 2025",
    "Apr 2025",
    "Jul 2025",
    "Oct 2025",
    "Jan 2026",
    "Apr 2026",
  ]);
});

test("a single odd minute is named whole, and no points have no labels", () => {
  expect(labels("2026-05-01T10:07:00Z", "2026-05-01T10:08:00Z", "minute", "UTC", 0)).toEqual([[0, "1 May 10:07"]]);
  expect(labelsOf([], "UTC", 5).size).toBe(0);
});
