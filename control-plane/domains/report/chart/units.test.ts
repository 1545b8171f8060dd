import { expect, test } from "vitest";
import { metrics } from "../traffic/metrics.ts";
import { quantityOf, told, unitFor } from "./units.ts";

test.each([
  ["count", 0, "0"],
  ["count", 9_999, "9,999"],
  ["count", 48_210, "48,210"],
  ["count", 1_440_000, "1.44 million"],
  ["bytes", 0, "0 B"],
  ["bytes", 999, "999 B"],
  ["bytes", 9_120_448_312, "9.12 GB"],
  ["bits-per-second", 15_500_000, "15.5 Mbit/s"],
  ["ratio", 0.949_99, "95 %"],
  ["ratio", 0, "0 %"],
  ["milliseconds", 3.25, "3.25 ms"],
  ["milliseconds", 12_345, "12.3 s"],
  ["milliseconds", null, "–"],
] as const)("%s %s reads %s", (quantity, value, text) => {
  expect(told(quantity, value)).toBe(text);
});

test("every metric has a unit", () => {
  for (const metric of metrics) expect(unitFor(quantityOf(metric), 5).size).toBeGreaterThan(0);
});
