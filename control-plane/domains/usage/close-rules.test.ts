import { describe, expect, test } from "vitest";
import { closeVerdict, isSettled } from "./close-rules.ts";
import { noSums } from "./figures.ts";
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

test("figures are settled when every way to add them up gives the same, to the last byte", () => {
  const bytes = 2n ** 60n + 1n;
  const sums = { ...noSums, requests: 6n, bytes };
  const whole = { total: sums, ofDistributions: sums, bytesOfEdges: bytes };
  expect(isSettled(whole)).toBe(true);
  expect(isSettled({ ...whole, ofDistributions: { ...sums, bytes: bytes - 1n } })).toBe(false);
  expect(isSettled({ ...whole, ofDistributions: { ...sums, requests: 5n } })).toBe(false);
  expect(isSettled({ ...whole, bytesOfEdges: bytes - 1n })).toBe(false);
});
