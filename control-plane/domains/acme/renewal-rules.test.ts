import { expect, test } from "vitest";
import {
  earlyDelayMs,
  failureDelayMs,
  fallbackRenewal,
  nextCheckMs,
  renewalInWindow,
  stumbleDelayMs,
} from "./renewal-rules.ts";

const DAY_MS = 86_400_000;
const born = new Date("2027-01-01T00:00:00Z");
const living = (days: number) => ({ notBefore: born, notAfter: new Date(born.getTime() + days * DAY_MS) });
const daysAfter = (at: Date) => (at.getTime() - born.getTime()) / DAY_MS;

test.each([90, 64, 45, 6])(
  "a certificate of %i days is renewed from two thirds of its life on, spread over a 24th",
  (days) => {
    expect(daysAfter(fallbackRenewal(living(days), 0))).toBeCloseTo((2 / 3) * days);
    expect(daysAfter(fallbackRenewal(living(days), 0.999))).toBeLessThan((17 / 24) * days);
  },
);

/** In days; of a certificate of 60 days. */
function chosenIn([start, end]: readonly [number, number], { now = 1, random = 0 }): number {
  const at = (days: number) => new Date(born.getTime() + days * DAY_MS);
  return daysAfter(renewalInWindow({ start: at(start), end: at(end) }, { validity: living(60), now: at(now), random }));
}

test("any time in the authority's window is as likely as any other", () => {
  expect([0, 0.25, 0.5].map((random) => chosenIn([50, 52], { random }))).toEqual([50, 50.5, 51]);
});

test("a window that is over is now", () => {
  expect(chosenIn([50, 52], { now: 51.9 })).toBe(50);
  expect(chosenIn([50, 52], { now: 52 })).toBe(52);
});

test.each([
  ["is at", [60, 61]],
  ["is behind", [70, 80]],
  ["reaches over", [59, 90]],
] as const)("a window that %s the certificate's end leaves it at two thirds of its life", (_, window) => {
  expect(chosenIn(window, { random: 0.5 })).toBeCloseTo((2 / 3 + 1 / 48) * 60);
});

test("failures wait an hour, doubling to a day; those before the authority was asked 15 seconds, doubling to a day; what was not answered is soon asked again", () => {
  expect([1, 2, 3, 4, 5, 6, 60].map((n) => failureDelayMs(n) / 3_600_000)).toEqual([1, 2, 4, 8, 16, 24, 24]);
  expect([1, 2, 3, 9, 13, 14, 60].map((n) => earlyDelayMs(n) / 1_000)).toEqual([
    15, 30, 60, 3_840, 61_440, 86_400, 86_400,
  ]);
  expect([1, 2, 3, 20].map((n) => stumbleDelayMs(n, 1))).toEqual([2_000, 4_000, 8_000, 600_000]);
});

test("the authority is asked again when it says so, within a minute and a day", () => {
  expect([0, 60_001, 10 * DAY_MS, undefined].map((ms) => nextCheckMs(ms))).toEqual([
    60_000,
    60_001,
    DAY_MS,
    6 * 3_600_000,
  ]);
});
