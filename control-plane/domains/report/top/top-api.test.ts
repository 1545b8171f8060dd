// What occurs most, over HTTP: real Postgres, the real ClickHouse engine, lines as an edge sends them.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { reportTooLarge } from "../problems.ts";
import { type ReportWorld, secondsOf, startReportWorld, type TestLine } from "../test-report-world.ts";
import { createReportQueries } from "../traffic/report-queries.ts";
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
      topRoutes({ tops: createTopService({ queries: createReportQueries(server), distributions, clock }) }),
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
    of({ path: "/sample.jpg", bytes_out: 100, weight: 40, user_agent: "" }),
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
  ["user_agent", ["", "curl"]],
  ["content_kind", ["image"]],
  ["provider", ["gotipath"]],
  ["country", [""]],
  ["protocol", ["HTTP/2.0"]],
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

test("what occurs most in whole days and parts of days is what the requests say, of one distribution and of all", async () => {
  const { owner, mine, another } = world;
  const start = Date.UTC(NOW.getUTCFullYear(), NOW.getUTCMonth(), NOW.getUTCDate() - 40);
  const from = new Date(start + 5 * 3_600_000);
  const to = new Date(start + 3 * 86_400_000 + 3_600_000);
  const lines = Array.from({ length: 600 }, (_, index): { ms: number; path: string; distribution: string } => ({
    ms: start + Math.floor((index * 4 * 86_400_000) / 600),
    path: `/${(index * index) % 23}`,
    distribution: index % 3 === 0 ? another : mine,
  }));
  await world.sendLines(
    lines.map(({ ms, ...line }) => ({
      ...{ ...line, time: secondsOf(new Date(ms)), account: owner.accountId, host: "counted.example.com" },
      ...{ bytes_out: 7, referrer_host: line.path === "/0" ? "" : `r${line.path.slice(1)}.example` },
    })),
  );
  const expected = (isAsked: (line: { path: string; distribution: string }) => boolean) => {
    const counts = new Map<string, number>();
    for (const line of lines) {
      if (line.ms < from.getTime() || line.ms >= to.getTime() || !isAsked(line)) continue;
      counts.set(line.path, (counts.get(line.path) ?? 0) + 1);
    }
    return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  };
  const period = `from=${from.toISOString()}&to=${to.toISOString()}&limit=1000`;
  for (const [query, counts] of [
    [`${period}&distribution_id=${mine}`, expected(({ distribution }) => distribution === mine)],
    [period, expected(() => true)],
    [`${period}&order_by=bytes`, expected(() => true)],
  ] as const) {
    const { data, total } = await getTop(`by=url&${query}`);
    expect(data.map(({ value, requests }) => [value.replace("counted.example.com", ""), requests])).toEqual(counts);
    expect(total.requests).toBe(counts.reduce((sum, [, count]) => sum + count, 0));
    const referrers = await getTop(`by=referrer&${query}`);
    expect(new Map(referrers.data.map(({ value, requests }) => [value, requests]))).toEqual(
      new Map(counts.map(([path, count]) => [path === "/0" ? "" : `r${path.slice(1)}.example`, count])),
    );
  }
});

test("of a whole account's days a value may be missing, and the answer says how much of it", async () => {
  const days = `from=${new Date(NOW.getTime() - 50 * 86_400_000).toISOString().slice(0, 10)}T00:00:00Z`;
  const missing = async (query: string) =>
    z.object({ missing_requests_max: z.number() }).parse(await (await world.get(`/reports/top?${query}`)).json());
  expect(await missing(`by=url&${days}`)).toEqual({ missing_requests_max: 1 });
  expect(await missing(`by=url&order_by=bytes&${days}`)).toEqual({ missing_requests_max: 0 });
  expect(await missing(`by=url&${days}&distribution_id=${world.mine}`)).toEqual({ missing_requests_max: 0 });
});

test("numbers above 2^53 are told as the nearest that JSON has", async () => {
  const { stranger, foreign, server } = world;
  const time = new Date(NOW.getTime() - 50 * 86_400_000);
  const sent = { bytes_out: 2 ** 40 - 1, weight: 60_001 };
  const row = { account_id: stranger.accountId, distribution_id: foreign, edge_id: randomUUID(), status: 200, ...sent };
  const values = [{ ...row, time: secondsOf(time), host: "vast.example.com", path: "/", country: "DE" }];
  await server.clickhouse.insert({ table: "access_log", values, format: "JSONEachRow" });
  const bytes = Number(BigInt(sent.bytes_out) * BigInt(sent.weight));
  const period = `from=${new Date(time.getTime() - 1_000).toISOString()}&to=${new Date(time.getTime() + 1_000).toISOString()}`;
  for (const by of ["url", "country", "host"]) {
    const { data, total } = await getTop(`by=${by}&order_by=bytes&${period}`, "stranger");
    expect([total, data]).toMatchObject([{ bytes }, [{ requests: 60_001, bytes, share: 1 }]]);
  }
});

test("what is older than single requests are kept is told by whole days", async () => {
  const old = (days: number, time: string) =>
    `${new Date(NOW.getTime() - days * 86_400_000).toISOString().slice(0, 10)}T${time}Z`;
  const whole = await getTop(`by=referrer&from=${old(300, "00:00:00")}&to=${old(200, "00:00:00")}`);
  expect(whole.data).toEqual([]);
  const answer = await world.get(`/reports/top?by=referrer&from=${old(300, "01:00:00")}&to=${old(200, "00:00:00")}`);
  expect([answer.status, await answer.json()]).toMatchObject([
    422,
    { errors: [{ pointer: "?from", detail: expect.stringContaining("midnight UTC") }] },
  ]);
});

test("hosts that viewers think of are counted where they are kept, and only those that lead are read", async () => {
  const { stranger, foreign, server } = world;
  const time = new Date(NOW.getTime() - 60 * 86_400_000);
  const hosts = Array.from({ length: 300 }, (_, index) => `h${index % 200}.example.com`);
  await world.sendLines(
    hosts.map((host) => ({ ...{ account: stranger.accountId, distribution: foreign, host }, time: secondsOf(time) })),
  );
  const period = `from=${new Date(time.getTime() - 1_000).toISOString()}&to=${new Date(time.getTime() + 1_000).toISOString()}`;
  const { data, total } = await getTop(`by=host&limit=3&${period}`, "stranger");
  expect([data.map(({ requests }) => requests), total.requests]).toEqual([[2, 2, 2], 300]);

  const narrow = createReportQueries({ clickhouse: server.clickhouse, rowsMax: 100 });
  const query = "SELECT DISTINCT toString(host) AS host FROM access_log";
  const asked = { query, accountId: stranger.accountId, source: "lines" } as const;
  const reading = narrow.rows(z.object({ host: z.string() }), { ...asked, signal: new AbortController().signal });
  await expect(reading).rejects.toMatchObject({ kind: reportTooLarge, detail: expect.stringContaining("100 rows") });
});
