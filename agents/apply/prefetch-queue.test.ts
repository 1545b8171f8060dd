// Whose prefetch is next.
import { randomUUID } from "node:crypto";
import { beforeEach, expect, test } from "vitest";
import { createLogger } from "../../platform/log.ts";
import { type FeedRecord, hashOf } from "../contract.ts";
import { createPrefetchQueue, type PrefetchQueue } from "./prefetch-queue.ts";

const [one, two] = [randomUUID(), randomUUID()];

let queue: PrefetchQueue;
let nowMs: number;

beforeEach(() => {
  nowMs = 0;
  const log = createLogger({ role: "test", level: "debug", destination: { write: () => {} } });
  queue = createPrefetchQueue(log, () => nowMs);
});

function record(distribution: string, paths: readonly string[]): FeedRecord {
  const urls = paths.map((path) => `http://www.example.com${path}`);
  const body = JSON.stringify({ format: 1, distribution, urls });
  return { kind: "prefetch", id: randomUUID(), rev: 1, op: "put", hash: hashOf(body), signature: "-", body };
}
const take = (distribution: string, ...paths: string[]) => queue.take([record(distribution, paths)]);

const next = () => queue.next(new AbortController().signal);

/** Undefined where it would have to be waited for. */
async function nextIfAny(): Promise<string | undefined> {
  const waiting = new AbortController();
  const found = queue.next(waiting.signal);
  waiting.abort();
  return (await found)?.target;
}

test("distributions take turns, each by two at once at most", async () => {
  take(one, "/a", "/b", "/c", "/d");
  take(two, "/x", "/y");
  const first = await next();
  expect(first).toMatchObject({ distribution: one, target: "/a" });
  expect([await nextIfAny(), await nextIfAny(), await nextIfAny()]).toEqual(["/x", "/b", "/y"]);
  expect(await nextIfAny()).toBeUndefined();
  const third = next();
  if (first !== undefined) queue.done(first);
  expect(await third).toMatchObject({ distribution: one, target: "/c" });
  expect(await nextIfAny()).toBeUndefined();
});

test("what waited for more than an hour is dropped", async () => {
  take(one, "/old");
  nowMs += 3_600_000;
  take(one, "/young");
  nowMs += 1;
  expect(await nextIfAny()).toBe("/young");
  expect(await nextIfAny()).toBeUndefined();
});

test("who wants more than can wait leaves room for the others", async () => {
  take(one, ...Array.from({ length: 10_000 }, (_, index) => `/${index}`));
  take(two, "/x");
  expect([await nextIfAny(), await nextIfAny()]).toEqual(["/0", "/x"]);
});

test("the target is asked for as it stands in the URL", async () => {
  take(one, "/a/%2e%2e/b|c?q='x'");
  expect(await nextIfAny()).toBe("/a/%2e%2e/b|c?q='x'");
});
