import { expect, test } from "vitest";
import { Problem } from "../../../../platform/problem.ts";
import { createPlaces } from "./places.ts";

function statusOf(take: () => unknown): number | undefined {
  try {
    take();
    return undefined;
  } catch (error) {
    return error instanceof Problem ? error.kind.status : 0;
  }
}

test("an account has its places, and all accounts together those of the process", () => {
  const places = createPlaces(2, 3);
  const giveBack = places.take("a");
  places.take("a");
  expect(statusOf(() => places.take("a"))).toBe(429);
  places.take("b");
  expect(statusOf(() => places.take("c"))).toBe(503);
  giveBack();
  giveBack();
  places.take("c");
  expect(statusOf(() => places.take("b"))).toBe(503);
});
