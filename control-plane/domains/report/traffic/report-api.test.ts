// Lines in, traffic out, over HTTP: real Postgres, the real ClickHouse engine.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { batchOf, line } from "../../../../agents/access-log/test-lines.ts";
import { connectClickHouse } from "../../../database/clickhouse.ts";
import type { Caller } from "../../../http/caller.ts";
import { carry, insertSamplingGroup } from "../log/test-carried.ts";
import { type ReportWorld, startReportWorld } from "../test-report-world.ts";

// The middle of last month: young enough to be kept, and the day before is of the same month.
const today = new Date();
const DAY = new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() - 1, 15)).toISOString().slice(0, 10);
const MONTH = `${DAY.slice(0, 7)}-01T00:00:00.000Z`;
const NOW = new Date(`${DAY}T12:34:56Z`);

let world: ReportWorld;
let owner: Caller;
let stranger: Caller;
let mine: string;
let another: string;
let foreign: string;

beforeAll(async () => {
  world = await startReportWorld({ clock: () => NOW });
  ({ owner, stranger, mine, another, foreign } = world);
});
afterAll(() => world?.stop());

async function createCopies(id: string, count: number): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  const copy = "jsonb_build_object('id', i, 'domain', i || '.example.com', 'cname', i || '.cname', 'domain_id', null)";
  await world.database.db.raw(
    `insert into distribution select (jsonb_populate_record(d, ${copy})).*
     from distribution d, unnest(?::text[]) i where d.id = ?`,
    [ids, id],
  );
  await carry(world.database.db, world.scope, ids);
  return ids;
}

const rowSchema = z.record(z.string(), z.union([z.string(), z.number(), z.null()]));
const replySchema = z.object({
  from: z.string(),
  to: z.string(),
  interval: z.string(),
  data: z.array(rowSchema),
  groups: z.array(rowSchema).default([]),
  total: rowSchema,
  lost_lines: z.number().optional(),
});
const problemSchema = z.object({
  status: z.number(),
  type: z.string(),
  detail: z.string(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
});

function get(query: string, as = "owner", headers: Record<string, string> = {}, path = "reports"): Promise<Response> {
  return world.get(`/${path}/traffic?${query}`, as, headers);
}

async function getTraffic(query: string, as?: string) {
  const answer = await get(query, as);
  expect(answer.status).toBe(200);
  return replySchema.parse(await answer.json());
}

async function getProblem(query: string, as?: string) {
  return problemSchema.parse(await (await get(query, as)).json());
}

const secondsOf = (text: string) => (new Date(text).getTime() / 1000).toFixed(3);

test("lines that an edge sends are counted, by hour, with zeros in between", async () => {
  const of = { account: owner.accountId, distribution: mine };
  const sent = await world.sendBatch(
    batchOf([
      line({ ...of, time: secondsOf(`${DAY}T10:59:59.999Z`), cache_status: "MISS", bytes_out: 300, status: 404 }),
      line({ ...of, time: secondsOf(`${DAY}T12:00:00.000Z`), cache_status: "HIT", bytes_out: 1000 }),
      line({ ...of, time: secondsOf(`${DAY}T12:01:00.000Z`), cache_status: "STALE", bytes_out: 1000 }),
      line({ ...of, time: secondsOf(`${DAY}T12:02:00.000Z`), cache_status: "EXPIRED", bytes_out: 1000 }),
      line({ ...of, distribution: another, time: secondsOf(`${DAY}T12:03:00.000Z`), bytes_out: 50 }),
      line({ account: stranger.accountId, distribution: foreign, time: secondsOf(`${DAY}T12:04:00.000Z`) }),
    ]),
  );
  expect(sent.status).toBe(204);
  const report = await getTraffic(`distribution_id=${mine}`);
  expect(report).toMatchObject({ from: `${DAY.slice(0, 8)}14T12:00:00.000Z`, to: NOW.toISOString(), interval: "hour" });
  expect(report.data).toHaveLength(25);
  expect(report.data.slice(-3)).toEqual([
    { time: `${DAY}T10:00:00.000Z`, requests: 1, bytes: 300, hit_ratio: 0 },
    { time: `${DAY}T11:00:00.000Z`, requests: 0, bytes: 0, hit_ratio: 0 },
    { time: `${DAY}T12:00:00.000Z`, requests: 3, bytes: 3000, hit_ratio: 0.666667 },
  ]);
});

test("without a distribution it is the whole account, and nothing of another", async () => {
  const { data } = await getTraffic("interval=month");
  expect(data).toEqual([{ time: MONTH, requests: 5, bytes: 3350, hit_ratio: 0.6 }]);
  const strangers = await getTraffic("interval=month&metrics=requests", "stranger");
  expect(strangers.data).toEqual([{ time: MONTH, requests: 1 }]);
});

test("exactly the period that was asked for counts", async () => {
  const hour = `from=${DAY}T12:01:00Z&to=${DAY}T12:03:00Z&metrics=requests,hits,status_2xx`;
  expect((await getTraffic(hour)).data).toEqual([
    { time: `${DAY}T12:00:00.000Z`, requests: 2, hits: 1, status_2xx: 2 },
  ]);
  const offset = `from=${DAY}T14:01:00%2B02:00&to=${DAY}T14:03:00%2B02:00&interval=minute&metrics=requests`;
  expect((await getTraffic(offset)).data.map((point) => point.requests)).toEqual([1, 1]);
});

test.each([
  ["distribution_id", () => [mine, another]],
  ["edge_id", () => [world.edgeId]],
  ["cache_status", () => ["HIT", "EXPIRED", "MISS", "STALE"]],
  ["status", () => ["200", "404"]],
  ["provider", () => ["gotipath"]],
  ["status_class", () => ["2xx", "4xx"]],
  ["protocol", () => ["HTTP/2.0"]],
])("traffic is grouped by %s", async (group, expected) => {
  const { data } = await getTraffic(`interval=month&metrics=requests&group_by=${group}`);
  expect(data.map((point) => point[group])).toEqual(expected());
  expect(data.reduce((sum, point) => sum + Number(point.requests), 0)).toBe(5);
});

test("numbers above 2^53 are told as the nearest that JSON has, in every shape", async () => {
  const own = await world.distribution("owner", "vast.example.com");
  const sent = { bytes_out: 2 ** 40 - 1, weight: 60_001 };
  const row = { ...{ account_id: owner.accountId, distribution_id: own, edge_id: randomUUID() }, status: 200, ...sent };
  const values = [{ ...row, time: `${DAY.slice(0, 8)}13 10:00:00.000` }];
  await world.server.clickhouse.insert({ table: "access_log", values, format: "JSONEachRow" });
  const bytes = Number(BigInt(sent.bytes_out) * BigInt(sent.weight));
  expect(bytes).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
  const query = `distribution_id=${own}&from=${DAY.slice(0, 8)}13&to=${DAY.slice(0, 8)}14&interval=day`;
  const { data, total, groups } = await getTraffic(`${query}&metrics=bytes,bandwidth&group_by=status`);
  const told = { bytes, bandwidth: Math.round((bytes * 8) / 86_400) };
  expect([data, total, groups]).toMatchObject([[told], told, [told]]);
  expect(await (await get(`${query}&format=csv&metrics=bytes`)).text()).toContain(`,${bytes}\r\n`);
  expect((await get(`${query}&format=svg&metrics=bytes,bandwidth`)).status).toBe(200);
});

test("a foreign distribution and one that is not there are the same 404", async () => {
  const problem = await getProblem(`distribution_id=${foreign}`);
  expect(problem).toMatchObject({ status: 404, type: "urn:edgewright:problem:unknown-distribution" });
  expect(await getProblem(`distribution_id=${randomUUID()}`)).toEqual({ ...problem, detail: expect.any(String) });
});

test.each([
  ["from=yesterday", "?from"],
  ["distribution_id=1", "?distribution_id"],
  ["interval=week", "?interval"],
  ["metrics=requests,password", "?metrics"],
  ["group_by=client", "?group_by"],
  ["from=2020-01-01T00:00:00Z&interval=month", "?from"],
  ["from=2026-02-30", "?from"],
  ["timezone=Europe/Bonn", "?timezone"],
  ["status=6xx", "?status"],
  ["country=Germany", "?country"],
  ["limit=0", "?limit"],
  ["group_by=account_id", "?group_by"],
  ["account_id=5b0f0f5e-3b0b-4f55-9d55-2d1c6f8f9b11", "?account_id"],
  [`from=${MONTH}&interval=minute`, "?interval"],
])("%s is a 422 that names %s", async (query, pointer) => {
  const problem = await getProblem(query);
  expect(problem.status).toBe(422);
  expect(problem.errors).toMatchObject([{ pointer }]);
});

test("what reaches back further than is kept says what is, and which period would do", async () => {
  const at = (days: number, time: string) =>
    `${new Date(NOW.getTime() - days * 24 * 3_600_000).toISOString().slice(0, 10)}T${time}Z`;
  const detail = async (query: string) => (await getProblem(query)).errors?.[0]?.detail;
  expect(await detail(`from=${at(200, "10:30:17")}&to=${at(190, "10:00:00")}&interval=day`)).toMatch(
    new RegExp(`hours of UTC for 400 days.*single requests for 90 days. Ask from ${at(200, "10:00:00.000")} to `),
  );
  expect(await detail(`from=${at(500, "10:30:00")}&interval=month`)).toContain(
    `Ask from ${at(500, "00:00:00.000")} to`,
  );
  expect(await detail(`from=${at(2000, "00:00:00")}&interval=month`)).toContain("Ask for a later period");
  expect(await detail(`from=${at(100, "00:00:00")}&interval=day&group_by=host`)).toContain("Ask for a later period");
});

test("more groups than may be told apart are the largest ones and the others", async () => {
  const of = { account: stranger.accountId, time: secondsOf(`${DAY}T11:00:00Z`) };
  const many = await createCopies(foreign, 500);
  const lines = many.map((distribution) => line({ ...of, distribution }));
  await world.sendBatch(batchOf([...lines, line({ ...of, distribution: foreign })]));
  const { data, groups, total } = await getTraffic("group_by=distribution_id&metrics=requests&limit=1", "stranger");
  expect(groups).toEqual([
    { distribution_id: foreign, requests: 2 },
    { distribution_id: "(other)", requests: 500 },
  ]);
  expect(total).toEqual({ requests: 502 });
  expect(data).toHaveLength(50);
  expect((await getTraffic("group_by=distribution_id&interval=month&limit=1000", "stranger")).data.length).toBe(501);
  const byMinute = await getTraffic("group_by=distribution_id&interval=minute&limit=1000&metrics=requests", "stranger");
  expect(byMinute.data.length).toBeLessThanOrEqual(10_000);
  expect(byMinute.groups).toHaveLength(6);
});

test("days are those of the time zone, and a day alone is its beginning there", async () => {
  const late = { account: owner.accountId, distribution: another, bytes_out: 1 };
  // 18:15 in UTC is midnight in Nepal.
  await world.sendBatch(
    batchOf([
      line({ ...late, time: secondsOf(`${DAY.slice(0, 8)}10T18:14:59.999Z`) }),
      line({ ...late, time: secondsOf(`${DAY.slice(0, 8)}10T18:15:00Z`) }),
    ]),
  );
  const nepal = `timezone=Asia/Kathmandu&interval=day&distribution_id=${another}&metrics=requests`;
  const { data } = await getTraffic(`${nepal}&from=${DAY.slice(0, 8)}10&to=${DAY.slice(0, 8)}12`);
  expect(data).toEqual([
    { time: `${DAY.slice(0, 8)}09T18:15:00.000Z`, requests: 1 },
    { time: `${DAY.slice(0, 8)}10T18:15:00.000Z`, requests: 1 },
  ]);
});

test("what cannot be added up is told of the whole period, too", async () => {
  const seen = { account: owner.accountId, distribution: another, status: 200 };
  const at = (time: string) => secondsOf(`${DAY.slice(0, 8)}08T${time}Z`);
  await world.sendBatch(
    batchOf([
      line({ ...seen, time: at("01:00:00"), client: "203.0.113.1", ttfb_ms: 10 }),
      line({ ...seen, time: at("01:30:00"), client: "203.0.113.2", ttfb_ms: 20 }),
      line({ ...seen, time: at("02:00:00"), client: "203.0.113.1", ttfb_ms: 30 }),
    ]),
  );
  const day = `from=${DAY.slice(0, 8)}08T01:00:00Z&to=${DAY.slice(0, 8)}08T04:00:00Z&distribution_id=${another}`;
  const { data, total } = await getTraffic(`${day}&metrics=visitors,ttfb_p50`);
  expect(data.map((point) => [point.visitors, point.ttfb_p50])).toEqual([
    [2, 10],
    [1, 30],
    [0, null],
  ]);
  expect(total).toEqual({ visitors: 2, ttfb_p50: 20 });
});

test("filters leave what is asked for, of several distributions as well", async () => {
  const of = `interval=month&metrics=requests&from=${DAY}T09:00:00Z&to=${DAY}T12:30:00Z`;
  const requests = async (query: string) => (await getTraffic(`${of}&${query}`)).total.requests;
  expect(await requests(`distribution_id=${mine},${another}`)).toBe(5);
  expect(await requests("status=404")).toBe(1);
  expect(await requests("status=2xx,404&cache_status=HIT")).toBe(2);
  expect(await requests("cache_status=HIT,MISS")).toBe(3);
  expect(await requests("host=nobody.example.com")).toBe(0);
  expect((await getProblem(`distribution_id=${mine},${foreign}`)).status).toBe(404);
});

test("as CSV the rows stand below their names, by Accept or by format", async () => {
  const asked = `from=${DAY}T10:00:00Z&to=${DAY}T12:00:00Z&distribution_id=${mine}&group_by=cache_status&metrics=requests,ttfb_p50`;
  const answer = await get(asked, "owner", { accept: "text/csv" });
  expect(answer.headers.get("content-type")).toBe("text/csv; charset=utf-8");
  expect(answer.headers.get("content-disposition")).toBe(`attachment; filename="traffic-${DAY}.csv"`);
  const rows = ["time,cache_status,requests,ttfb_p50", `${DAY}T10:00:00.000Z,MISS,1,0`, `${DAY}T11:00:00.000Z,MISS,0,`];
  const text = `${rows.join("\r\n")}\r\n`;
  expect(await answer.text()).toBe(text);
  expect(await (await get(`${asked}&format=csv`)).text()).toBe(text);
  expect((await get(`${asked}&format=json`, "owner", { accept: "text/csv" })).headers.get("content-type")).toBe(
    "application/json",
  );
});

test("as a picture it names whose traffic it is, and runs nothing", async () => {
  const asked = `from=${DAY}&to=${DAY}T13:00:00Z&metrics=requests,bytes,hit_ratio`;
  const answer = await get(`${asked}&distribution_id=${mine}`, "owner", { accept: "image/svg+xml,image/*;q=0.8" });
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    "content-type": "image/svg+xml; charset=utf-8",
    "content-security-policy": expect.stringMatching(/default-src 'none'.*sandbox/),
    "x-content-type-options": "nosniff",
    vary: expect.stringContaining("Accept"),
  });
  const svg = await answer.text();
  expect(svg).toContain("Traffic of mine.example.com");
  expect(svg).toContain("Hit ratio (%)");
  const grouped = await (await get(`${asked}&group_by=distribution_id&format=svg`)).text();
  expect(grouped).toContain("Traffic of all distributions");
  expect(grouped).toContain(">another.example.com<");
  const theirs = await (await get(`${asked}&group_by=distribution_id&format=svg`, "stranger")).text();
  expect(theirs).not.toContain("mine.example.com");
  const crowded = await get(`from=${DAY}&to=${DAY}T12:00:00Z&interval=minute&format=svg`);
  expect([crowded.status, await crowded.json()]).toMatchObject([422, { errors: [{ pointer: "?interval" }] }]);
  const many = "requests,bytes,hits,hit_ratio,errors,error_rate,bandwidth";
  const tall = await get(`${asked}&group_by=cache_status&format=svg`.replace(/metrics=[^&]*/, `metrics=${many}`));
  expect([tall.status, await tall.json()]).toMatchObject([422, { errors: [{ pointer: "?metrics" }] }]);
});

test("an answer may be kept for a moment by whoever asked for it", async () => {
  const answer = await get(`from=${DAY}&to=${DAY}T12:00:00Z`);
  expect(answer.headers.get("cache-control")).toBe("private, max-age=10");
  expect(answer.headers.get("vary")).toBe("Authorization, X-Account-Id, Accept");
  const etag = answer.headers.get("etag") ?? "";
  expect((await get(`from=${DAY}&to=${DAY}T12:00:00Z`, "owner", { "if-none-match": etag })).status).toBe(304);
});

test("what another provider carried is counted with it, as far as that provider tells", async () => {
  const carried = { account_id: owner.accountId, distribution_id: mine, provider: "gcore", resource: "7", pull: 1 };
  const told = { requests: 10, hits: 6, bytes_out: 100, status_2xx: 8, status_4xx: 1 };
  for (const [table, time] of [
    ["provider_minute", "07:05"],
    ["provider_hour", "07:00"],
    ["provider_day", "00:00"],
  ]) {
    const values = [{ ...carried, ...told, time: `${DAY} ${time}:00` }];
    await world.server.clickhouse.insert({ table: `${table}`, values, format: "JSONEachRow" });
  }
  await world.sendBatch(
    batchOf([line({ account: owner.accountId, distribution: mine, time: secondsOf(`${DAY}T07:06:00Z`) })]),
  );
  // A process hears within half a minute that an account has other providers.
  const fresh = await world.startApi(world.server.clickhouse);
  const headers = { authorization: "Bearer owner" };
  const groups = async (query: string) => {
    const url = `${fresh.url}/api/v1/reports/traffic?metrics=requests&distribution_id=${mine}&${query}`;
    return replySchema.parse(await (await fetch(url, { headers })).json()).groups;
  };
  const hour = `from=${DAY}T07:00:00Z&to=${DAY}T08:00:00Z`;
  const providers = [
    { provider: "gcore", requests: 10 },
    { provider: "gotipath", requests: 1 },
  ];
  expect(await groups(`${hour}&group_by=provider`)).toEqual(providers);
  expect(await groups(`from=${DAY}T07:04:59.5Z&to=${DAY}T07:06:00.5Z&group_by=provider`)).toEqual(providers);
  expect(await groups(`${hour}&group_by=status`)).toEqual([
    { status: "2xx", requests: 8 },
    { status: "", requests: 1 },
    { status: "200", requests: 1 },
    { status: "4xx", requests: 1 },
  ]);
  expect(await groups(`${hour}&group_by=status_class`)).toEqual([
    { status_class: "2xx", requests: 9 },
    { status_class: "", requests: 1 },
    { status_class: "4xx", requests: 1 },
  ]);
  await fresh.part.stop();
});

test("lines that edges lost in the period are told to those whose distributions they carried, and to nobody else", async () => {
  const { db } = world.database;
  const [single, elsewhere] = [await world.distribution("owner", "single.example.com"), await insertSamplingGroup(db)];
  await carry(db, elsewhere, [single]);
  // It was never to be there.
  await db("deployment").insert({
    ...{ distribution_id: foreign, scope: elsewhere, rev: 0, source_version: 1, state: "removed" },
  });
  const [liar, gone] = [randomUUID(), randomUUID()];
  await db("edge_node").insert({ id: liar, group_id: elsewhere, name: liar, capabilities: "{}" });
  const period = `from=${DAY}T02:00:00Z&to=${DAY}T02:30:00Z`;
  const lost = async (more = "", as?: string) => (await getTraffic(`${period}${more}`, as)).lost_lines;
  const lose = (edge_id: string, lines: number, times: { from: string; to: string }) =>
    db("edge_log_loss").insert({
      ...{ edge_id, lines, lost_at: `${DAY}T${times.from}:00Z` },
      ...{ written_from: `${DAY}T${times.from}:00Z`, written_to: `${DAY}T${times.to}:00Z` },
    });
  expect(await lost()).toBeUndefined();
  await lose(liar, 1_000, { from: "02:10", to: "02:20" });
  await lose(liar, 200, { from: "01:00", to: "02:00" });
  await lose(liar, 30, { from: "00:00", to: "01:59" });
  await lose(liar, 4, { from: "02:30", to: "02:40" });
  const others = [await lost("", "stranger"), await lost(`&distribution_id=${mine}`)];
  expect([await lost(), await lost(`&distribution_id=${single}`), ...others]).toEqual([
    ...[1_200, 1_200],
    ...[undefined, undefined],
  ]);
  const platform = await get(period, "operator", {}, "platform/reports");
  expect(replySchema.parse(await platform.json()).lost_lines).toBe(1_200);
  // Which group it was in nobody knows any more.
  await lose(gone, 50_000, { from: "02:10", to: "02:20" });
  expect([await lost(), await lost("", "stranger")]).toEqual([51_200, 50_000]);
});

test("operators see all accounts, or some; nobody else does", async () => {
  const all = async (query: string) =>
    replySchema.parse(
      await (
        await get(`from=${DAY}T12:00:00Z&to=${DAY}T12:30:00Z&${query}`, "operator", {}, "platform/reports")
      ).json(),
    );
  expect((await all("metrics=requests&group_by=account_id")).groups).toEqual([
    { account_id: owner.accountId, requests: 4 },
    { account_id: stranger.accountId, requests: 1 },
  ]);
  expect((await all(`metrics=requests&account_id=${stranger.accountId}`)).total).toEqual({ requests: 1 });
  expect((await get("", "owner", {}, "platform/reports")).status).toBe(403);
});

test("without ClickHouse both ways are a 503 that names it", async () => {
  const nobody = connectClickHouse("http://127.0.0.1:9/edgewright");
  const lonely = await world.startApi(nobody.clickhouse);
  for (const answer of [
    await world.sendBatch(batchOf([line({ account: owner.accountId, distribution: mine })]), lonely.url),
    await fetch(`${lonely.url}/api/v1/reports/traffic`, { headers: { authorization: "Bearer owner" } }),
  ]) {
    expect(answer.status).toBe(503);
    expect(problemSchema.parse(await answer.json()).detail).toContain("clickhouse");
    expect(answer.headers.get("retry-after")).not.toBeNull();
  }
  await lonely.part.stop();
  await nobody.part.stop();
});
