import { expect, test } from "vitest";
import { type Interval, isTimeZone, momentOf, startOf, startsOf } from "./zone.ts";

const starts = (zone: string, interval: Interval, from: string, to: string) =>
  startsOf({ from: new Date(from), to: new Date(to) }, interval, zone).map((start) => start.toISOString().slice(0, 16));
const HOUR_MS = 3_600_000;

test("a day begins at midnight of its zone, and has 23 or 25 hours when clocks change", () => {
  const days = (month: string, from: string, to: string) =>
    starts("Europe/Berlin", "day", `${month}-${from}`, `${month}-${to}`).map((start) => Date.parse(`${start}Z`));
  const [forward] = pairs(days("2026-03", "29T12:00Z", "31T00:00Z"));
  const [back] = pairs(days("2026-10", "25T12:00Z", "27T00:00Z"));
  expect([forward, back]).toEqual([23 * HOUR_MS, 25 * HOUR_MS]);
});

function pairs(times: readonly number[]): readonly number[] {
  return times.slice(1).map((time, index) => time - (times[index] ?? 0));
}

test("each hour of those days is there once", () => {
  const hours = (date: string, next: string) => {
    const [from, to] = [momentOf(date, "Europe/Berlin"), momentOf(next, "Europe/Berlin")];
    return startsOf({ from, to }, "hour", "Europe/Berlin").length;
  };
  expect(hours("2026-03-29", "2026-03-30")).toBe(23);
  expect(hours("2026-10-25", "2026-10-26")).toBe(25);
});

test("hours of a zone that is half an hour off begin at half past", () => {
  expect(starts("Asia/Kolkata", "hour", "2026-05-01T00:10Z", "2026-05-01T02:00Z")).toEqual([
    "2026-04-30T23:30",
    "2026-05-01T00:30",
    "2026-05-01T01:30",
  ]);
  expect(starts("Asia/Kathmandu", "day", "2026-05-01T00:00Z", "2026-05-02T00:00Z")).toEqual([
    "2026-04-30T18:15",
    "2026-05-01T18:15",
  ]);
});

test("a change of the clock by half an hour begins a new hour", () => {
  // Lord Howe, 4 October 2026: 02:00 at +10:30 becomes 02:30 at +11.
  expect(starts("Australia/Lord_Howe", "hour", "2026-10-03T14:30Z", "2026-10-03T17:00Z")).toEqual([
    "2026-10-03T14:30",
    "2026-10-03T15:30",
    "2026-10-03T16:00",
  ]);
  // 5 April 2026: 02:00 at +11 becomes 01:30 at +10:30.
  expect(starts("Australia/Lord_Howe", "hour", "2026-04-04T14:00Z", "2026-04-04T16:00Z")).toEqual([
    "2026-04-04T14:00",
    "2026-04-04T15:00",
    "2026-04-04T15:30",
  ]);
});

test("where midnight is skipped or comes twice, the day begins at the change, or at the first of the two", () => {
  // Beirut, 29 March 2026: midnight becomes 01:00. Havana, 1 November 2026: 01:00 becomes midnight again.
  expect(momentOf("2026-03-29", "Asia/Beirut").toISOString()).toBe("2026-03-28T22:00:00.000Z");
  expect(momentOf("2026-11-01", "America/Havana").toISOString()).toBe("2026-11-01T04:00:00.000Z");
  expect(starts("Pacific/Apia", "day", "2011-12-29T12:00Z", "2012-01-01T10:00Z")).toEqual([
    "2011-12-29T10:00",
    "2011-12-30T10:00",
    "2011-12-31T10:00",
  ]);
});

test("months are as long as they are", () => {
  expect(starts("America/New_York", "month", "2028-02-01T00:00Z", "2028-04-02T00:00Z")).toEqual([
    "2028-01-01T05:00",
    "2028-02-01T05:00",
    "2028-03-01T05:00",
    "2028-04-01T04:00",
  ]);
});

test.each([
  ["minute", "2026-05-04T12:34"],
  ["5minutes", "2026-05-04T12:30"],
  ["hour", "2026-05-04T12:00"],
  ["day", "2026-05-04T00:00"],
  ["month", "2026-05-01T00:00"],
] as const)("a %s begins where UTC says", (interval, expected) => {
  expect(startOf(new Date("2026-05-04T12:34:56.789Z"), interval, "UTC").toISOString()).toBe(`${expected}:00.000Z`);
});

test("a zone is a name of the IANA database", () => {
  const names = ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "Asia/Calcutta"];
  expect(names.map(isTimeZone)).toEqual(names.map(() => true));
  const others = [
    "",
    "+05:30",
    "Europe/Bonn",
    "Europe/Berlin'",
    "../etc/passwd",
    "berlin wall",
    "UTC\0",
    "A".repeat(999),
  ];
  expect(others.map(isTimeZone)).toEqual(others.map(() => false));
});
