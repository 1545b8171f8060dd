// More losses than can be told at once.
import { expect, test } from "vitest";
import { LOG_LOSSES_MAX } from "../contract.ts";
import { withLoss } from "./give-up.ts";
import type { Position } from "./position.ts";

const none: Position = { files: {}, pending: null, lost_lines: 0, losses: [], told_until: 0, removing: [] };

/** Each of ten lines written in a second of its own. */
function lose(count: number, from: Position, firstAt = 1): Position {
  const times = Array.from({ length: count }, (_, place) => firstAt + place);
  return times.reduce((sofar, at) => withLoss(sofar, { at, from: at * 1_000, to: at * 1_000 + 999, lines: 10 }), from);
}

test("an outage of more losses than can be told makes the oldest one coarser and forgets no line and no time", () => {
  const { losses, lost_lines } = lose(LOG_LOSSES_MAX + 20, none);
  expect(losses).toHaveLength(LOG_LOSSES_MAX);
  expect(losses.reduce((sum, { lines }) => sum + lines, 0)).toBe(lost_lines);
  expect(losses[0]).toEqual({ at: 1, from: 1_000, to: 21_999, lines: 210 });
  expect(losses[1]).toEqual({ at: 22, from: 22_000, to: 22_999, lines: 10 });
});

test("losses that were told make room first, so what was not is never told under the time of one that was", () => {
  const told = { ...lose(30, none), told_until: 30 };
  const { losses } = lose(LOG_LOSSES_MAX + 5, told, 31);
  expect(losses).toHaveLength(LOG_LOSSES_MAX);
  expect(losses[0]).toEqual({ at: 31, from: 31_000, to: 36_999, lines: 60 });
  expect(losses.reduce((sum, { lines }) => sum + lines, 0)).toBe(10 * (LOG_LOSSES_MAX + 5));
});

test("no two losses have the same time, also when the clock goes back", () => {
  const { losses } = lose(2, lose(2, none, 100), 50);
  expect(losses.map(({ at }) => at)).toEqual([100, 101, 102, 103]);
});
