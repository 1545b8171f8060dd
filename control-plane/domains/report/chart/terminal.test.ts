import { expect, test } from "vitest";
import { type DrawnSeries, drawSeries } from "./terminal.ts";

const times = Array.from({ length: 24 }, (_, hour) => new Date(Date.UTC(2026, 4, 1, hour)));
const style = { columns: 60, hasColors: false, hasUnicode: true };
const size = { height: 6, largest: 2_300 };
const day: DrawnSeries = {
  ...({ times, interval: "hour", timezone: "UTC", quantity: "count" } as const),
  values: times.map((_, hour) => hour * 100),
};

test("a series fits its columns, with round numbers at the side and times below", () => {
  const lines = drawSeries(day, style, size).split("\n");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
  expect(lines.at(-1)).toMatch(/06:00 +12:00 +18:00/);
  expect(lines[0]).toMatch(/^3000┤/);
  expect(lines.filter((line) => line.includes("█")).length).toBeGreaterThan(3);
});

test("plain characters are ASCII alone, and colours come only where they are wanted", () => {
  expect(drawSeries(day, { ...style, hasUnicode: false }, size)).toMatch(/^[ -~\n]+$/);
  const ESC = String.fromCharCode(27);
  expect(drawSeries(day, style, size)).not.toContain(ESC);
  expect(drawSeries(day, { ...style, hasColors: true }, size)).toContain(`${ESC}[34m`);
});

test("one point, nothing at all, and a narrow terminal are drawn as well", () => {
  const one = { ...day, times: times.slice(0, 1), values: [3] };
  expect(drawSeries(one, style, { height: 4, largest: 3 })).toMatch(/^ *3┤█/);
  const nothing = { ...day, values: times.map(() => null) };
  expect(drawSeries(nothing, { ...style, columns: 5 }, { height: 4, largest: 0 })).toMatch(/^ *1┤/);
});
