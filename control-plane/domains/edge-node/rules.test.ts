// What is believed of the losses that edges tell.
import { expect, test } from "vitest";
import { believableLoss } from "./rules.ts";

const now = new Date("2026-05-04T12:00:00Z");
const DAY_MS = 24 * 3600 * 1000;
const earliest = now.getTime() - 90 * DAY_MS;
const latest = now.getTime() + 5 * 60_000;
const ago = (ms: number) => now.getTime() - ms;
const at = ago(1_000);
const believed = (from: number, to: number, lines = 7) => believableLoss({ at, from, to, lines }, now);

test("a loss that can be is believed as it is", () => {
  expect(believed(ago(7_000), ago(2_000))).toEqual({ at, from: ago(7_000), to: ago(2_000), lines: 7 });
});

test("one from 1970 to 2243 is of the days that lines are taken of", () => {
  expect(believed(0, 8_640_000_000_000)).toEqual({ at, from: earliest, to: latest, lines: 7 });
  expect(believed(8_000_000_000_000, 8_640_000_000_000)).toMatchObject({ from: latest, to: latest });
});

test("one that ends before it begins, as of a clock that was set back, has its times in order", () => {
  expect(believed(ago(2_000), ago(7_000))).toMatchObject({ from: ago(7_000), to: ago(2_000) });
});

test("more lines than a disk holds are as many as one holds", () => {
  expect(believed(ago(2_000), ago(1_000), Number.MAX_SAFE_INTEGER)?.lines).toBe(10_000_000_000);
});

test("one of a time of which no lines are taken is none", () => {
  expect(believed(earliest - 2, earliest - 1)).toBeUndefined();
  expect(believed(earliest - 2, earliest)).toMatchObject({ from: earliest, to: earliest });
});
