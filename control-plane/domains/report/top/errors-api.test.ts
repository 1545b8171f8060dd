// What fails, over HTTP: real Postgres, the real ClickHouse engine, lines as an edge sends them.
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type ReportWorld, secondsOf, startReportWorld, type TestLine } from "../test-report-world.ts";
import { createReportQueries } from "../traffic/report-queries.ts";
import { topRoutes } from "./routes.ts";
import { createTopService } from "./service.ts";

const NOW = new Date(Math.floor(Date.now() / 1000) * 1000);
const ago = (ms: number) => new Date(NOW.getTime() - ms);
const REQUEST_ID = "5f2c1a9be0d84c7f9a3e6b1d2c4f8a07";

let world: ReportWorld;

beforeAll(async () => {
  const clock = () => NOW;
  world = await startReportWorld({
    clock,
    routes: ({ server, distributions }) =>
      topRoutes({ tops: createTopService({ queries: createReportQueries(server), distributions, clock }) }),
  });
  const { owner, stranger, mine, another, foreign } = world;
  const of = (ms: number, changes: TestLine): TestLine => ({
    ...{ time: secondsOf(ago(ms)), account: owner.accountId, distribution: mine, host: "mine.example.com" },
    ...changes,
  });
  const missed = { cache_status: "MISS", origin_ms: 3 };
  await world.sendLines([
    of(60_000, { path: "/fine" }),
    of(50_000, { path: "/gone", status: 404, ...missed, origin_bytes: 300 }),
    of(40_000, { path: "/gone", status: 404, ...missed, origin_bytes: 300 }),
    of(30_000, { path: "/gone", status: 404, cache_status: "HIT" }),
    of(20_000, { path: "/cart", status: 502, weight: 40, ...missed, origin_bytes: 0, request_id: REQUEST_ID }),
    of(10_000, { path: "/cart", status: 502, ...missed, origin_bytes: 120 }),
    of(9_000, { path: "/blocked", status: 403, cache_status: "NONE", distribution: another }),
    of(8_000, { path: "/theirs", status: 500, account: stranger.accountId, distribution: foreign }),
  ]);
});

afterAll(() => world.stop());

const replySchema = z.object({ data: z.array(z.looseObject({ status: z.number(), url: z.string() })) });

async function getErrors(query: string, as?: string) {
  const answer = await world.get(`/reports/errors?${query}`, as);
  expect(answer.status, await answer.clone().text()).toBe(200);
  return replySchema.parse(await answer.json()).data;
}

test("what fails is told apart by who made the answer, the most frequent first", async () => {
  const data = await getErrors(`distribution_id=${world.mine}`);
  expect(data[0]).toEqual({
    ...{ status: 502, url: "mine.example.com/cart", distribution_id: world.mine },
    ...{ cache_status: "MISS", made_by: "unreachable", requests: 40 },
    ...{ first_seen: ago(20_000).toISOString(), last_seen: ago(20_000).toISOString() },
    request_ids: [REQUEST_ID],
  });
  expect(data[1]).toMatchObject({
    ...{ status: 404, url: "mine.example.com/gone", cache_status: "MISS", made_by: "origin", requests: 2 },
    ...{ first_seen: ago(50_000).toISOString(), last_seen: ago(40_000).toISOString() },
  });
  expect(data.slice(2)).toMatchObject([
    { status: 502, cache_status: "MISS", made_by: "origin", requests: 1 },
    { status: 404, cache_status: "HIT", made_by: "origin", requests: 1 },
  ]);
});

test("a class, or a single status, can be asked for; a limit cuts the list", async () => {
  const statuses = async (query: string) => (await getErrors(query)).map(({ status }) => status);
  expect(await statuses("status=5xx")).toEqual([502, 502]);
  expect(await statuses("status=4xx")).toEqual([404, 403, 404]);
  expect(await statuses("status=403")).toEqual([403]);
  expect(await statuses("limit=1")).toEqual([502]);
  expect(await getErrors("status=403")).toMatchObject([{ made_by: "edge", distribution_id: world.another }]);
});

test("nobody sees what fails for another account", async () => {
  expect((await getErrors("limit=1000")).map(({ url }) => url)).not.toContain("mine.example.com/theirs");
  expect(await getErrors("", "stranger")).toMatchObject([{ status: 500, requests: 1 }]);
  expect((await world.get(`/reports/errors?distribution_id=${world.foreign}`)).status).toBe(404);
});

test("as CSV it is a table", async () => {
  const answer = await world.get("/reports/errors?limit=1", "owner", { accept: "text/csv" });
  expect(await answer.text()).toBe(
    `status,url,distribution_id,cache_status,made_by,requests,first_seen,last_seen,request_ids\r\n502,mine.example.com/cart,${world.mine},MISS,unreachable,40,${ago(20_000).toISOString()},${ago(20_000).toISOString()},${REQUEST_ID}\r\n`,
  );
});

test.each([
  ["status=200", "?status"],
  ["status=6xx", "?status"],
  ["limit=0", "?limit"],
  ["to=yesterday", "?to"],
  ["from=2020-01-01T00:00:00Z", "?from"],
])("%s is a 422 that names %s", async (query, pointer) => {
  const answer = await world.get(`/reports/errors?${query}`);
  expect([answer.status, await answer.json()]).toMatchObject([422, { errors: [{ pointer }] }]);
});
