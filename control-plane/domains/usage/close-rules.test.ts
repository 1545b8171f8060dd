import { describe, expect, test } from "vitest";
import { closeVerdict, isSettled } from "./close-rules.ts";
import { type MonthFigures, noSums } from "./figures.ts";
import { periodOf } from "./month.ts";

const period = periodOf("2026-11");
const after = (hours: number) => new Date(period.to.getTime() + hours * 3_600_000);

describe("a month", () => {
  test.each([
    [-1, false, true, "early"],
    [71.9, false, true, "early"],
    [72, false, true, "close"],
    [72, true, true, "arrears"],
    [167.9, true, true, "arrears"],
    [168, true, true, "close"],
    [72, false, false, "reconciliation"],
    [1000, true, false, "reconciliation"],
  ] as const)(
    "%d hours after its end, with arrears (%s) and reconciled (%s): %s",
    (hours, hasArrears, isReconciled, verdict) => {
      expect(closeVerdict(period, after(hours), { hasArrears, isReconciled })).toBe(verdict);
    },
  );
});

test("figures are settled when every way to add them up gives the same", () => {
  const one = { ...noSums, requests: 3, bytes: 30, distribution_id: null, domain: null };
  const whole: MonthFigures = {
    figures: { ...noSums, requests: 6, bytes: 60, bytes_by_region: { europe: 10, other: 50 }, bandwidth_p95: 0 },
    days: [],
    distributions: [one, one],
  };
  expect(isSettled(whole)).toBe(true);
  expect(isSettled({ ...whole, distributions: [one] })).toBe(false);
  expect(isSettled({ ...whole, figures: { ...whole.figures, bytes_by_region: { europe: 59 } } })).toBe(false);
});
