import fc from "fast-check";
import { expect, test } from "vitest";
import { planOf, type Range } from "./plan.ts";
import { type Period, startsOf } from "./zone.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const now = new Date("2026-05-04T12:00:00Z");
const requests = { name: "requests", bucketMs: null, keptDays: 90 };
const rollUps = [
  { name: "day", bucketMs: DAY_MS, keptDays: 1000 },
  { name: "hour", bucketMs: HOUR_MS, keptDays: 400 },
  { name: "minute", bucketMs: MINUTE_MS, keptDays: 10 },
];

function planned(period: Period, cuts: readonly Date[] = []): Record<string, string[]> | string {
  const plan = planOf(period, cuts, [...rollUps, requests], now);
  const text = ({ start, end }: Range) => `${new Date(start).toISOString()}/${new Date(end).toISOString()}`;
  if ("untold" in plan) return `untold: ${text(plan.untold)}`.replaceAll(":00.000Z", "");
  return Object.fromEntries(
    plan.segments.map(({ table, ranges }) => [
      table.name,
      ranges.map((range) => text(range).replaceAll(":00.000Z", "").replaceAll("2026-", "")),
    ]),
  );
}
const between = (from: string, to: string): Period => ({ from: new Date(from), to: new Date(to) });

test("days answer the bulk, finer tables what is left at both ends", () => {
  expect(planned(between("2026-04-27T22:58:30Z", "2026-05-04T01:01:00Z"))).toEqual({
    day: ["04-28T00:00/05-04T00:00"],
    hour: ["04-27T23:00/04-28T00:00", "05-04T00:00/05-04T01:00"],
    minute: ["04-27T22:59/04-27T23:00", "05-04T01:00/05-04T01:01"],
    requests: ["04-27T22:58:30.000Z/04-27T22:59"],
  });
});

test("days of a zone are told by hours, and where they begin at half past, their ends by minutes", () => {
  const period = between("2026-04-30T22:00:00Z", "2026-05-03T22:00:00Z");
  expect(planned(period, startsOf(period, "day", "Europe/Berlin"))).toEqual({
    hour: ["04-30T22:00/05-03T22:00"],
  });
  const indian = between("2026-05-01T18:30:00Z", "2026-05-03T18:30:00Z");
  expect(planned(indian, startsOf(indian, "day", "Asia/Kolkata"))).toEqual({
    hour: ["05-01T19:00/05-02T18:00", "05-02T19:00/05-03T18:00"],
    minute: ["05-01T18:30/05-01T19:00", "05-02T18:00/05-02T19:00", "05-03T18:00/05-03T18:30"],
  });
});

test("months of a zone are told by days, but for the days on which they begin", () => {
  const period = between("2026-01-31T23:00:00Z", "2026-03-31T22:00:00Z");
  expect(planned(period, startsOf(period, "month", "Europe/Berlin"))).toEqual({
    day: ["02-01T00:00/02-28T00:00", "03-01T00:00/03-31T00:00"],
    hour: ["01-31T23:00/02-01T00:00", "02-28T00:00/03-01T00:00", "03-31T00:00/03-31T22:00"],
  });
});

test("what minutes are not kept for any more is told by requests, and what nothing tells is named", () => {
  expect(planned(between("2026-03-01T10:30:00Z", "2026-03-01T12:00:00Z"))).toEqual({
    hour: ["03-01T11:00/03-01T12:00"],
    requests: ["03-01T10:30/03-01T11:00"],
  });
  expect(planned(between("2026-01-01T10:30:00Z", "2026-01-01T12:00:00Z"))).toBe(
    "untold: 2026-01-01T10:30/2026-01-01T11:00",
  );
});

test("each moment of a period is told once, by no bucket that lies on both sides of a cut", () => {
  const moment = fc.date({ min: new Date("2025-01-01T00:00Z"), max: now, noInvalidDate: true });
  const zone = fc.constantFrom("UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns");
  const interval = fc.constantFrom("hour" as const, "day" as const, "month" as const);
  fc.assert(
    fc.property(moment, moment, zone, interval, (one, other, zoneName, name) => {
      const [from, to] = one < other ? [one, other] : [other, one];
      const period = { from, to: new Date(Math.min(to.getTime(), from.getTime() + 12 * DAY_MS)) };
      const cuts = startsOf(period, name, zoneName);
      const plan = planOf(period, cuts, [...rollUps, { ...requests, keptDays: 999 }], now);
      if ("untold" in plan) throw new Error("requests tell all");
      const pieces = plan.segments
        .flatMap(({ table, ranges }) => ranges.map((range) => ({ ...range, bucketMs: table.bucketMs ?? 1 })))
        .sort((a, b) => a.start - b.start);
      const times = [period.from, ...cuts.filter((cut) => cut > period.from), period.to].map((time) => time.getTime());
      expect(pieces[0]?.start ?? times.at(-1)).toBe(times[0]);
      expect(pieces.at(-1)?.end ?? times[0]).toBe(times.at(-1));
      for (const [index, piece] of pieces.entries()) {
        expect(pieces[index + 1]?.start ?? piece.end).toBe(piece.end);
        expect([piece.start % piece.bucketMs, piece.end % piece.bucketMs]).toEqual([0, 0]);
        const within = times.filter((time) => time > piece.start && time < piece.end);
        expect(within.every((time) => time % piece.bucketMs === 0)).toBe(true);
      }
    }),
    { numRuns: 100 },
  );
});
