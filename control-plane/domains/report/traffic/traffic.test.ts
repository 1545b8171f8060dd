import { expect, test } from "vitest";
import type { Told } from "./count-traffic.ts";
import { groupsThatFit, periodFaults, periodOf, reportOf, type TrafficRequest } from "./traffic.ts";

const now = new Date("2026-05-04T12:34:56Z");
const at = (text: string) => new Date(text);
const request = (changes: Partial<TrafficRequest>): TrafficRequest => ({
  period: { from: at("2026-05-04T10:30:00Z"), to: at("2026-05-04T12:30:00Z") },
  interval: "hour",
  timezone: "UTC",
  metrics: ["requests"],
  filter: {},
  group: undefined,
  groupsMax: 50,
  ...changes,
});
const nothing: Told = { points: new Map(), groups: new Map(), total: new Map() };

test("without a period the last 24 hours are meant, from the beginning of an interval", () => {
  const of = { timezone: "UTC", interval: "hour" } as const;
  expect(periodOf(of, now)).toEqual({ from: at("2026-05-03T12:00:00Z"), to: now });
  expect(periodOf({ ...of, interval: "day" }, now)).toEqual({ from: at("2026-05-03T00:00:00Z"), to: now });
  expect(periodOf({ ...of, to: "2026-05-02T00:00:00Z" }, now).from).toEqual(at("2026-05-01T00:00:00Z"));
  expect(periodOf({ ...of, interval: "day", timezone: "Asia/Tokyo" }, now).from).toEqual(at("2026-05-02T15:00:00Z"));
});

test("a day alone is the beginning of that day in the time zone", () => {
  const asked = { from: "2026-05-01", to: "2026-05-02T00:00:00Z", timezone: "Asia/Tokyo", interval: "day" } as const;
  expect(periodOf(asked, now)).toEqual({ from: at("2026-04-30T15:00:00Z"), to: at("2026-05-02T00:00:00Z") });
});

test("a period that is turned round or too fine is named with its cure", () => {
  const period = (from: string) => ({ from: at(from), to: at("2026-05-04T12:30:00Z") });
  expect(periodFaults(period("2026-05-04T12:30:00Z"), "hour")).toMatchObject([{ pointer: "?from" }]);
  expect(periodFaults(period("2026-04-27T12:30:00Z"), "minute")).toEqual([
    { pointer: "?interval", detail: expect.stringContaining("longer interval") },
  ]);
  expect(periodFaults(period("2026-05-03T12:30:00Z"), "minute")).toEqual([]);
  expect(periodFaults({ from: at("0001-01-01T00:00:00Z"), to: at("9999-12-31T00:00:00Z") }, "minute")).toHaveLength(1);
});

test("a point without traffic is zero, and where it waits nothing", () => {
  const points = new Map([
    [at("2026-05-04T11:00:00Z").getTime(), new Map([["", new Map([["requests", 3] as const])]])],
  ]);
  const report = reportOf(request({ metrics: ["requests", "hit_ratio", "ttfb_p50"] }), { ...nothing, points }, now);
  expect(report.points.map(({ values }) => Object.values(values))).toEqual([
    [0, 0, null],
    [3, 0, null],
    [0, 0, null],
  ]);
});

test("each group of the period has every point, the largest first", () => {
  const groups = new Map(["MISS", "HIT"].map((group) => [group, new Map([["requests", 5] as const])]));
  const told = { ...nothing, groups };
  const { points } = reportOf(request({ group: "cache_status" }), told, now);
  expect(points.map(({ group }) => group)).toEqual(["MISS", "HIT", "MISS", "HIT", "MISS", "HIT"]);
  expect(reportOf(request({ group: "cache_status" }), nothing, now).points).toEqual([]);
});

test("bandwidth is over the time that has passed, of a point that is cut short as well", () => {
  const counted = new Map([["", new Map([["bytes_out", 22_500] as const])]]);
  const times = ["10:00", "11:00", "12:00"].map((time) => at(`2026-05-04T${time}:00Z`).getTime());
  const told: Told = {
    ...nothing,
    points: new Map(times.map((time) => [time, counted])),
    total: new Map([["bytes_out", 67_500]]),
  };
  const asked = request({ metrics: ["bandwidth"] });
  const bandwidths = (when: Date) => reportOf(asked, told, when).points.map(({ values }) => values.bandwidth);
  expect(bandwidths(now)).toEqual([100, 50, 100]);
  expect(bandwidths(at("2026-05-04T12:15:00Z"))).toEqual([100, 50, 200]);
  expect(reportOf(asked, told, now).total).toEqual({ bandwidth: 75 });
});

test("as many groups are told apart as the rows of an answer have room for", () => {
  expect([groupsThatFit(50, 24), groupsThatFit(1000, 1), groupsThatFit(1000, 100), groupsThatFit(50, 1500)]).toEqual([
    50, 1000, 99, 5,
  ]);
});
