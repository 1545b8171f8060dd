// What occurs most, over HTTP: real Postgres, the real ClickHouse engine, lines as an edge sends them.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type ReportWorld, secondsOf, startReportWorld, type TestLine } from "../test-report-world.ts";
import { topRoutes } from "./routes.ts";
import { createTopService } from "./service.ts";

const NOW = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 + 1_234_567);
const HOUR_AGO = new Date(NOW.getTime() - 3_600_000);

let world: ReportWorld;

beforeAll(async () => {
  const clock = () => NOW;
  world = await startReportWorld({
    clock,
    routes: ({ server, distributions }) =>
      topRoutes({ tops: createTopService({ clickhouse: server.clickhouse, distributions, clock }) }),
  });
  const { owner, stranger, mine, another, foreign } = world;
  const of = (changes: TestLine): TestLine => ({
    ...{ time: secondsOf(HOUR_AGO), account: owner.accountId, distribution: mine, host: "mine.example.com" },
    ...changes,
  });
  await world.sendLines([
    of({ path: "/often.jpg", bytes_out: 10, referrer_host: "news.example" }),
    of({ path: "/often.jpg", bytes_out: 10, referrer_host: "news.example" }),
    of({ path: "/large.zip", bytes_out: 5_000, weight: 1 }),
    of({ path: "/sample.jpg", bytes_out: 100, weight: 40 }),
    of({ path: '/=cmd|"x".jpg', bytes_out: 1, status: 404, cache_status: "MISS" }),
    of({ path: "/broken", bytes_out: 1, status: 502, cache_status: "MISS", distribution: another }),
    of({ path: "/yesterday", time: secondsOf(new Date(NOW.getTime() - 26 * 3_600_000)) }),
    of({ account: stranger.accountId, distribution: foreign, path: "/secret-of-a-stranger" }),
  ]);
});

afterAll(() => world.stop());

const replySchema = z.object({
  from: z.string(),
  to: z.string(),
  total: z.object({ requests: z.number(), bytes: z.number() }),
  data: z.array(z.object({ value: z.string(), requests: z.number(), bytes: z.number(), share: z.number() })),
});

async function getTop(query: string, as?: string) {
  const answer = await world.get(`/reports/top?${query}`, as);
  expect(answer.status, await answer.clone().text()).toBe(200);
  return replySchema.parse(await answer.json());
}

test("the URLs with most requests come first, a sampled line for all that it stands for, each with its share", async () => {
  const { data, total, to } = await getTop(`by=url&distribution_id=${world.mine}&limit=2`);
  expect(total).toEqual({ requests: 44, bytes: 9_021 });
  expect(data).toEqual([
    { value: "mine.example.com/sample.jpg", requests: 40, bytes: 4_000, share: 0.909091 },
    { value: "mine.example.com/often.jpg", requests: 2, bytes: 20, share: 0.045455 },
  ]);
  expect(to).toBe(NOW.toISOString());
});

test("ordered by bytes, it is the large file", async () => {
  const { data } = await getTop(`by=url&order_by=bytes&distribution_id=${world.mine}&limit=1`);
  expect(data).toEqual([{ value: "mine.example.com/large.zip", requests: 1, bytes: 5_000, share: 0.554262 }]);
});

test.each([
  ["status", ["200", "404", "502"]],
  ["status_class", ["2xx", "4xx", "5xx"]],
  ["cache_status", ["HIT", "MISS"]],
  ["referrer", ["", "news.example"]],
  ["host", ["mine.example.com"]],
])("the whole account by %s", async (by, values) => {
  const { data, total } = await getTop(`by=${by}`);
  expect(data.map(({ value }) => value)).toEqual(values);
  expect(data.reduce((sum, { requests }) => sum + requests, 0)).toBe(45);
  expect(total.requests).toBe(45);
});

test("by distribution and by edge the values are ids", async () => {
  const { data } = await getTop("by=distribution");
  expect(data.map(({ value }) => value)).toEqual([world.mine, world.another]);
  expect((await getTop("by=edge")).data).toMatchObject([{ value: world.edgeId, share: 1 }]);
});

test("errors are status and URL, and the whole is all errors", async () => {
  const { data, total } = await getTop("by=error");
  expect(total.requests).toBe(2);
  expect(data.map(({ value, share }) => [value, share])).toEqual([
    ['404 mine.example.com/=cmd|"x".jpg', 0.5],
    ["502 mine.example.com/broken", 0.5],
  ]);
});

test("nobody sees what another account's viewers asked for", async () => {
  expect((await getTop("by=url", "stranger")).data.map(({ value }) => value)).toEqual([
    "mine.example.com/secret-of-a-stranger",
  ]);
  expect(JSON.stringify(await getTop("by=url&limit=1000"))).not.toContain("secret");
  for (const id of [world.foreign, randomUUID()]) {
    const answer = await world.get(`/reports/top?by=url&distribution_id=${id}`);
    expect([answer.status, await answer.json()]).toMatchObject([
      404,
      { type: expect.stringContaining("distribution") },
    ]);
  }
});

test("as CSV it is a table", async () => {
  const query = `by=url&distribution_id=${world.mine}&limit=1`;
  const answer = await world.get(`/reports/top?${query}`, "owner", { accept: "text/csv" });
  expect(answer.headers.get("content-type")).toBe("text/csv; charset=utf-8");
  expect(await answer.text()).toBe("value,requests,bytes,share\r\nmine.example.com/sample.jpg,40,4000,0.909091\r\n");
});

test("a time without traffic has no entries and a total of nothing", async () => {
  const { data, total } = await getTop("by=url&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z");
  expect([data, total]).toEqual([[], { requests: 0, bytes: 0 }]);
});

test.each([
  ["", "?by"],
  ["by=client", "?by"],
  ["by=url&limit=0", "?limit"],
  ["by=url&limit=1001", "?limit"],
  ["by=url&order_by=hits", "?order_by"],
  ["by=url&from=2999-01-01T00:00:00Z", "?from"],
  ["by=url&from=2020-01-01T00:00:00Z", "?from"],
])("%s is a 422 that names %s", async (query, pointer) => {
  const answer = await world.get(`/reports/top?${query}`);
  expect([answer.status, await answer.json()]).toMatchObject([422, { errors: [{ pointer }] }]);
});
