import { expect, test } from "vitest";
import { waitSecondsOf } from "./prefer.ts";

test.each([
  [undefined, 0],
  ["wait=10", 10],
  ['return=minimal, Wait = "7"; foo=bar', 7],
  ["wait=600", 30],
  ["wait=5, wait=20", 5],
  ["respond-async", 0],
  ["wait", 0],
  ["wait=-3", 0],
  ["wait=soon, wait=20", 0],
  ["wait=1e3", 0],
])("Prefer: %s means %d seconds", (header, seconds) => {
  expect(waitSecondsOf(header)).toBe(seconds);
});
