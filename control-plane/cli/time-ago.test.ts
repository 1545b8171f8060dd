import { expect, test } from "vitest";
import { timeAgo } from "./time-ago.ts";

const now = new Date("2026-05-20T12:00:00Z");

test.each([
  ["2026-05-01", "2026-05-01T00:00:00.000Z"],
  ["2026-05-01T12:00Z", "2026-05-01T12:00:00.000Z"],
  ["2026-05-01T12:00:30+02:00", "2026-05-01T10:00:30.000Z"],
  ["90m", "2026-05-20T10:30:00.000Z"],
  ["36h", "2026-05-19T00:00:00.000Z"],
  ["7d", "2026-05-13T12:00:00.000Z"],
])("%s is %s", (text, time) => {
  expect(timeAgo(text, now)?.toISOString()).toBe(time);
});

test.each(["", "yesterday", "7", "7w", "-7d", "2026-02-30", "2026-05-01T12:00"])("%s is no time", (text) => {
  expect(timeAgo(text, now)).toBeUndefined();
});
