import { afterEach, describe, expect, test } from "vitest";
import {
  bandwidthOf,
  daysOf,
  droppedAbove95th,
  MONTH_PATTERN,
  monthBefore,
  monthOf,
  monthsBetween,
  pastOf,
  periodOf,
} from "./month.ts";

const zone = process.env.TZ;
afterEach(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

// Where New Year comes first, last, and where clocks change within the month.
describe.each(["Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York", "UTC"])(
  "on a machine in %s",
  (machine) => {
    test("a month begins and ends in UTC", () => {
      process.env.TZ = machine;
      expect(monthOf(new Date("2026-12-31T23:59:59.999Z"))).toBe("2026-12");
      expect(monthOf(new Date("2027-01-01T00:00:00.000Z"))).toBe("2027-01");
      expect(periodOf("2026-12")).toEqual({ from: new Date("2026-12-01T00:00Z"), to: new Date("2027-01-01T00:00Z") });
      expect(periodOf("2028-02").to).toEqual(new Date("2028-03-01T00:00Z"));
      expect(monthBefore("2027-01")).toBe("2026-12");
      expect(daysOf(periodOf("2026-03"))).toHaveLength(31);
      expect(daysOf(periodOf("2026-11")).at(-1)).toBe("2026-11-30");
    });
  },
);

test("months come from the newest to the oldest, up to so many", () => {
  expect(monthsBetween("2026-11", "2027-02", 10)).toEqual(["2027-02", "2027-01", "2026-12", "2026-11"]);
  expect(monthsBetween("2026-11", "2027-02", 2)).toEqual(["2027-02", "2027-01"]);
  expect(monthsBetween("2026-11", "2026-10", 2)).toEqual([]);
});

test("what of a month is past ends now, and begins with it", () => {
  const now = new Date("2026-11-10T12:00Z");
  expect(pastOf("2026-11", now)).toEqual({ from: new Date("2026-11-01T00:00Z"), to: now });
  expect(pastOf("2026-10", now)).toEqual(periodOf("2026-10"));
  expect(pastOf("2026-12", now)).toBeUndefined();
});

test.each([
  ["2026-11", 30, 432],
  ["2026-12", 31, 446],
  ["2026-02", 28, 403],
  ["2028-02", 29, 417],
])(
  "of the five minutes of %s (%d days) the highest %d are left out, which leaves the nearest rank",
  (month, days, dropped) => {
    const count = days * 288;
    expect(droppedAbove95th(periodOf(month))).toBe(dropped);
    expect(count - dropped).toBe(Math.ceil(count * 0.95));
  },
);

test("five minutes that have just begun are counted among those of the running month", () => {
  const from = new Date("2026-11-01T00:00Z");
  const after = (minutes: number) => droppedAbove95th({ from, to: new Date(from.getTime() + minutes * 60_000) });
  expect([after(0), after(95), after(96), after(195), after(196)]).toEqual([0, 0, 1, 1, 2]);
});

test("bandwidth is in bits per second over five minutes", () => {
  expect(bandwidthOf(37_500)).toBe(1000);
});

test.each(["2026-00", "2026-13", "1999-01", "2026-1", "2026-11-01", " 2026-11"])("%j is no month", (text) => {
  expect(MONTH_PATTERN.test(text)).toBe(false);
});
