import { expect, test } from "vitest";
import { fillGaps, periodFaults, periodOf, pointsOf, type TrafficRequest } from "./traffic.ts";

const now = new Date("2026-05-04T12:34:56Z");
const at = (text: string) => new Date(text);
const request = (changes: Partial<TrafficRequest>): TrafficRequest => ({
  from: at("2026-05-04T10:30:00Z"),
  to: at("2026-05-04T12:30:00Z"),
  interval: "hour",
  metrics: ["requests"],
  groupBy: undefined,
  ...changes,
});
const isoPointsOf = (period: Parameters<typeof pointsOf>[0]) => pointsOf(period).map((point) => point.toISOString());

test("without a period the last 24 hours are meant, from the beginning of an interval", () => {
  expect(periodOf({ interval: "hour" }, now)).toEqual({ from: at("2026-05-03T12:00:00Z"), to: now });
  expect(periodOf({ interval: "day" }, now)).toEqual({ from: at("2026-05-03T00:00:00Z"), to: now });
  expect(periodOf({ interval: "hour", to: at("2026-05-02T00:00:00Z") }, now).from).toEqual(at("2026-05-01T00:00:00Z"));
});

test("points are the beginnings of the intervals that the period touches", () => {
  expect(isoPointsOf(request({}))).toEqual([
    "2026-05-04T10:00:00.000Z",
    "2026-05-04T11:00:00.000Z",
    "2026-05-04T12:00:00.000Z",
  ]);
  const leapFebruary = { from: at("2028-01-31T23:59:59Z"), to: at("2028-03-01T00:00:01Z") };
  expect(isoPointsOf(request({ ...leapFebruary, interval: "month" }))).toEqual([
    "2028-01-01T00:00:00.000Z",
    "2028-02-01T00:00:00.000Z",
    "2028-03-01T00:00:00.000Z",
  ]);
  expect(pointsOf(request({ ...leapFebruary, interval: "day" }))).toHaveLength(31);
  expect(pointsOf(request({ to: at("2026-05-04T11:00:00Z") }))).toHaveLength(1);
});

test("a period that is turned round, too long or too fine is named with its cure", () => {
  expect(periodFaults(request({ to: at("2026-05-04T10:30:00Z") }))).toMatchObject([{ pointer: "?from" }]);
  const year = request({ from: at("2025-05-04T00:00:00Z"), interval: "month" });
  expect(periodFaults(year)).toEqual([
    { pointer: "?from", detail: "must be at most 90 days before `to`: log lines are kept that long." },
  ]);
  const week = request({ from: at("2026-04-27T12:30:00Z"), interval: "minute" });
  expect(periodFaults(week)).toEqual([{ pointer: "?interval", detail: expect.stringContaining("longer interval") }]);
  expect(periodFaults(request({ from: at("2026-05-03T12:30:00Z"), interval: "minute" }))).toEqual([]);
});

test("a point without traffic is zero", () => {
  const found = [{ time: at("2026-05-04T11:00:00Z"), group: undefined, values: { requests: 3 } }];
  expect(fillGaps(found, request({})).map((point) => point.values.requests)).toEqual([0, 3, 0]);
});

test("each group that occurs has every point", () => {
  const found = [
    { time: at("2026-05-04T11:00:00Z"), group: "MISS", values: { requests: 3 } },
    { time: at("2026-05-04T12:00:00Z"), group: "HIT", values: { requests: 5 } },
  ];
  const filled = fillGaps(found, request({ groupBy: "cache_status" }));
  expect(filled.map((point) => [point.group, point.values.requests])).toEqual([
    ["HIT", 0],
    ["MISS", 0],
    ["HIT", 0],
    ["MISS", 3],
    ["HIT", 5],
    ["MISS", 0],
  ]);
  expect(fillGaps([], request({ groupBy: "cache_status" }))).toEqual([]);
});
