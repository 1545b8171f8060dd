// Who asks too often gets 429 and is told when to come again; others and other paths are not touched.
import { afterAll, beforeAll, expect, test } from "vitest";
import { answering, startTestSites, type TestSites } from "./test-site.ts";

let sites: TestSites;

beforeAll(async () => {
  sites = await startTestSites({ workers: 2 });
});

afterAll(async () => {
  await sites?.stop();
});

test("so many answers from the cache or not, then 429 with Retry-After and a short page", async () => {
  const site = await sites.serve({
    rateLimits: [{ paths: ["/limited/*"], requests: 3, perSeconds: 3600, burst: 2 }],
  });
  sites.origin.handle(answering({ "cache-control": "max-age=60" }));
  const statuses: number[] = [];
  for (let turn = 1; turn <= 6; turn += 1) {
    const curl = turn === 2 ? ["--data-raw", "a=1"] : [];
    statuses.push((await site.ask("/limited/a", { curl })).status);
  }
  expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
  const refused = await site.ask("/limited/b");
  expect(refused.status).toBe(429);
  expect(Number(refused.headers["retry-after"])).toBeGreaterThan(1100);
  expect(Number(refused.headers["retry-after"])).toBeLessThanOrEqual(1200);
  expect(refused.headers["cache-control"]).toBe("no-store");
  expect(refused.body).toContain(refused.headers["x-request-id"]);
  expect((await site.ask("/other")).status).toBe(200);
  expect((await site.ask("/limited/a", { curl: ["--interface", "127.0.0.9"] })).status).toBe(200);
});

test("workers count together: of many at once no more are let in than may be", async () => {
  const site = await sites.serve({ rateLimits: [{ paths: [], requests: 10, perSeconds: 3600, burst: 0 }] });
  const answers = await Promise.all(Array.from({ length: 30 }, () => site.ask("/a")));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
});
