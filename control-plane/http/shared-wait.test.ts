import { expect, test } from "vitest";
import { createSharedWait } from "./shared-wait.ts";

const never = new AbortController().signal;

/** A place where outcomes come to be, and how often somebody looked there for how many. */
function createOutcomes() {
  const outcomes = new Set<string>();
  const looks: number[] = [];
  let running = 0;
  let runningMost = 0;
  const shared = createSharedWait<string>(async (items) => {
    running += 1;
    runningMost = Math.max(runningMost, running);
    looks.push(items.length);
    await new Promise(setImmediate);
    running -= 1;
    const found = new Set(outcomes);
    return (item) => found.has(item);
  });
  return { outcomes, looks, shared, runningMost: () => runningMost };
}

test("many who wait share each look, one after the other", async () => {
  const { outcomes, looks, shared, runningMost } = createOutcomes();
  const waits = Array.from({ length: 200 }, (_, index) => shared.until(String(index), never));
  await expect.poll(() => looks.length).toBeGreaterThan(3);
  expect(looks.slice(1).every((size) => size === 200)).toBe(true);
  for (let index = 0; index < 200; index += 1) outcomes.add(String(index));
  await Promise.all(waits);
  expect(runningMost()).toBe(1);
  const before = looks.length;
  outcomes.add("late");
  await shared.until("late", never);
  expect(looks.length).toBeGreaterThan(before);
});

test("whoever has an outcome goes, and the others wait on", async () => {
  const { outcomes, shared } = createOutcomes();
  const gone: string[] = [];
  const waits = ["a", "b"].map((item) => shared.until(item, never).then(() => gone.push(item)));
  outcomes.add("b");
  await waits[1];
  expect(gone).toEqual(["b"]);
  outcomes.add("a");
  await Promise.all(waits);
  expect(gone).toEqual(["b", "a"]);
});

test("whose time is over goes without an outcome, and nobody looks any more", async () => {
  const { looks, shared } = createOutcomes();
  const over = new AbortController();
  const wait = shared.until("a", over.signal);
  await expect.poll(() => looks.length).toBeGreaterThan(1);
  over.abort();
  await wait;
  await shared.until("b", AbortSignal.abort());
  expect(looks.every((size) => size === 1)).toBe(true);
});

test("what a look throws reaches those who waited for it; the next one is looked for again", async () => {
  let isBroken = true;
  const shared = createSharedWait<string>(async () => {
    if (isBroken) throw new Error("the database is away");
    return () => true;
  });
  const refused = await Promise.allSettled([shared.until("a", never), shared.until("b", never)]);
  expect(refused.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  isBroken = false;
  await shared.until("c", never);
});
