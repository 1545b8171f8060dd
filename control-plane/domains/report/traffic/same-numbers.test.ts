// Whatever is asked, roll-ups tell what the requests themselves tell: a filter by host is answered by the latter alone. And
// what is told by estimates is as near to the truth as is said.
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createTestClickHouse, type TestClickHouse } from "../../../database/test-clickhouse.ts";
import { TTFB_ERROR, VISITORS_ERROR } from "../counted/tables.ts";
import { type Asked, countTraffic, type Told } from "./count-traffic.ts";
import { type Group, operatorGroups } from "./dimensions.ts";
import { type Counted, countedNames, ingredientsOf, metrics, ttfbQuantiles } from "./metrics.ts";
import { createReportQueries, type ReportQueries } from "./report-queries.ts";
import type { Scope } from "./sql.ts";
import { endOf, intervals, type Period, startOf, startsOf } from "./zone.ts";

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;
const now = new Date();
/** Visitors are told within 1.2 % as a rule, and a thousand times as often within three times that. */
const VISITORS_OFF_MAX = 3 * VISITORS_ERROR;
const accounts = [randomUUID(), randomUUID()];
const distributions = accounts.map(() => [randomUUID(), randomUUID(), randomUUID()]);
const zones = ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"];
const POINTS_MAX = 400;

let server: TestClickHouse;
let queries: ReportQueries;
const lines: ReturnType<typeof rowOf>[] = [];

beforeAll(async () => {
  server = await createTestClickHouse();
  queries = createReportQueries(server);
  const seeded = fc.sample(row, { numRuns: 3000, seed: 7 });
  // Much on one day as well, so that sets of visitors are large ones.
  const crowded = fc.sample(row, { numRuns: 3000, seed: 8 }).map((one) => ({ ...one, age: (one.age / 80) % 3 }));
  for (const rows of [seeded, crowded]) {
    lines.push(...rows.map(rowOf));
    await server.clickhouse.insert({ table: "access_log", format: "JSONEachRow", values: rows.map(rowOf) });
  }
});
afterAll(() => server.stop());

const row = fc.record({
  age: fc.double({ min: 0, max: 80, noNaN: true }),
  account: fc.nat({ max: 1 }),
  distribution: fc.nat({ max: 2 }),
  edge: fc.nat({ max: 3 }),
  status: fc.constantFrom(200, 200, 200, 206, 304, 404, 499, 500, 503, 101),
  cache_status: fc.constantFrom("HIT", "STALE", "MISS", "EXPIRED", "NONE"),
  country: fc.constantFrom("", "DE", "IN", "US"),
  protocol: fc.constantFrom("HTTP/1.1", "HTTP/2.0"),
  content_kind: fc.constantFrom("page", "segment", "other"),
  bytes_out: fc.nat({ max: 5_000_000 }),
  bytes_in: fc.nat({ max: 5000 }),
  origin_ms: fc.option(fc.nat({ max: 9000 })),
  origin_bytes: fc.nat({ max: 5_000_000 }),
  ttfb_ms: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 90_000 })),
  client_hash: fc.nat({ max: 20_000 }),
  weight: fc.constantFrom(1, 1, 1, 20),
});
const edges = [0, 1, 2, 3].map(() => randomUUID());

function rowOf({ age, account, distribution, edge, ...rest }: typeof row extends fc.Arbitrary<infer R> ? R : never) {
  return {
    ...rest,
    time: ((now.getTime() - age * DAY_MS) / 1000).toFixed(3),
    account_id: accounts[account],
    distribution_id: distributions[account]?.[distribution],
    edge_id: edges[edge],
    provider: "gotipath",
    host: "one.example.com",
  };
}

const question = fc
  .record({
    from: fc.integer({ min: now.getTime() - 79 * DAY_MS, max: now.getTime() - 1 }),
    lengthDays: fc.oneof(fc.constantFrom(0.01, 0.5, 1), fc.double({ min: 0.1, max: 79, noNaN: true })),
    isAligned: fc.boolean(),
    interval: fc.constantFrom(...intervals),
    zone: fc.constantFrom(...zones),
    group: fc.option(fc.constantFrom(...operatorGroups.filter((group) => group !== "host")), { nil: undefined }),
    account: fc.option(fc.nat({ max: 1 })),
    distribution: fc.option(fc.nat({ max: 2 })),
    groupsMax: fc.constantFrom(1, 2, 50),
    asked: fc.oneof(
      fc.constant(["requests", "bytes", "hits"] as const),
      fc.constant(metrics),
      fc.constant(["visitors", "ttfb_p95", "requests"] as const),
      fc.constant(["status_2xx", "status_4xx", "origin_bytes", "byte_hit_ratio"] as const),
    ),
    status: fc.option(fc.constantFrom({ status: ["404"] }, { status_class: ["5", "2"] }), { nil: {}, freq: 1 }),
  })
  .map(
    ({
      from,
      lengthDays,
      isAligned,
      interval,
      zone,
      group,
      account,
      distribution,
      groupsMax,
      asked,
      status,
    }): Asked => {
      const round = (at: number) => (isAligned ? startOf(new Date(at), interval, zone) : new Date(at));
      const period = { from: round(from), to: round(Math.min(from + lengthDays * DAY_MS, now.getTime())) };
      const starts = startsOf(period, interval, zone);
      return {
        scope: {
          accountIds: account === null ? "all" : [accounts[account] ?? ""],
          distributionIds: distribution === null ? "all" : [distributions[account ?? 0]?.[distribution] ?? ""],
        },
        filter: group === undefined || group === "status" || group === "status_class" ? status : {},
        group,
        period,
        starts: starts.length > POINTS_MAX ? [period.from] : starts,
        ingredients: ingredientsOf(asked),
        groupsMax,
      };
    },
  )
  .filter(({ period }) => period.from < period.to);

test("roll-ups tell what the requests tell", async () => {
  const signal = new AbortController().signal;
  const asking = { queries, accountId: "all", now, signal };
  await fc.assert(
    fc.asyncProperty(question, async (asked) => {
      const byRequests = await countTraffic(
        { ...asked, filter: { ...asked.filter, host: ["one.example.com"] } },
        asking,
      );
      expectSame(await countTraffic(asked, asking), byRequests, asked.group);
    }),
    { numRuns: 25 },
  );
}, 60_000);

test("times to the first byte are no further from those of the requests than is said", async () => {
  const asking = { queries, accountId: "all", now, signal: new AbortController().signal };
  await fc.assert(
    fc.asyncProperty(question, async ({ scope: { accountIds, distributionIds }, ...more }) => {
      const scope = { accountIds: accountIds === "all" ? accounts : accountIds, distributionIds };
      const asked: Asked = { ...more, scope, filter: {}, group: undefined, ingredients: ["ttfb"] };
      const { points, total } = await countTraffic(asked, asking);
      const within = linesOf(scope, asked.period);
      expectNear("all", total, within);
      const seen = new Set<number>();
      for (const line of within) seen.add(pointOf(line, asked));
      expect([...points.keys()].sort()).toEqual([...seen].sort());
      for (const at of seen) {
        const ofPoint = within.filter((line) => pointOf(line, asked) === at);
        expectNear(new Date(at).toISOString(), points.get(at)?.get(""), ofPoint);
      }
    }),
    { numRuns: 25 },
  );
}, 60_000);

test("visitors of a day are no further from those who came than is said", async () => {
  const accountId = randomUUID();
  const first = startOf(now, "day", "UTC").getTime() - 10 * DAY_MS;
  const crowds = [2000, 20_000, 40_000];
  for (const [day, visitors] of crowds.entries()) {
    // Each comes twice, half a day apart.
    await server.clickhouse.command({
      query: `INSERT INTO access_log (time, account_id, distribution_id, edge_id, provider, host, client_hash)
        SELECT fromUnixTimestamp64Milli(toInt64(${first + day * DAY_MS} + intDiv(number * ${DAY_MS}, ${2 * visitors}))),
          '${accountId}', '${accountId}', '${edges[0]}', 'gotipath', 'one.example.com',
          cityHash64(number % ${visitors}, ${day}) FROM numbers(${2 * visitors})`,
    });
  }
  const signal = new AbortController().signal;
  const said = z.object({ day: z.coerce.number(), visitors: z.coerce.number() });
  // Days of UTC have a roll-up, others are put together from hours. Neither zone changes its clocks: the sets never differ.
  for (const zone of ["UTC", "Asia/Tokyo"]) {
    const exact = await queries.rows(said, {
      query: `SELECT toUnixTimestamp(toStartOfDay(time, '${zone}')) AS day, uniqExact(client_hash) AS visitors
        FROM access_log WHERE account_id = '${accountId}' GROUP BY day ORDER BY day`,
      ...{ accountId: "all", source: "lines", signal },
    });
    const period = { from: new Date(first - 2 * DAY_MS), to: new Date(first + 5 * DAY_MS) };
    const { points } = await countTraffic(askedOf(accountId, period, zone), { queries, accountId, now, signal });
    expect([...points.keys()].sort()).toEqual(exact.map(({ day }) => day * 1000));
    expect(Math.max(...exact.map(({ visitors }) => visitors))).toBeGreaterThanOrEqual(40_000);
    for (const { day, visitors } of exact) {
      const told =
        points
          .get(day * 1000)
          ?.get("")
          ?.get("visitors") ?? 0;
      expect(Math.abs(told - visitors), `${told} of ${visitors}, ${zone}`).toBeLessThanOrEqual(
        visitors * VISITORS_OFF_MAX,
      );
    }
  }
});

test.each([
  ["Europe/Berlin", [23, 25]],
  ["America/St_Johns", [23, 25]],
  ["Australia/Lord_Howe", [23.5, 24.5]],
] as const)("days on which the clocks of %s change have the requests of all of their %j hours", async (zone, hours) => {
  const signal = new AbortController().signal;
  const said = z.object({ day: z.coerce.number(), requests: z.coerce.number(), bytes_out: z.coerce.number() });
  // Days to come: of those that were, minutes and requests may be gone.
  const year = { from: new Date(now.getTime() + 3 * DAY_MS), to: new Date(now.getTime() + 368 * DAY_MS) };
  const days = startsOf(year, "day", zone).map((from) => ({ from, to: endOf(from, "day", zone) }));
  const changing = days.filter(({ from, to }) => to.getTime() - from.getTime() !== DAY_MS);
  expect(changing.map(({ from, to }) => (to.getTime() - from.getTime()) / HOUR_MS).sort()).toEqual(hours);
  for (const { from, to } of changing) {
    const accountId = randomUUID();
    const period = { from: new Date(from.getTime() - DAY_MS), to: new Date(to.getTime() + DAY_MS) };
    await server.clickhouse.insert({
      table: "access_log",
      format: "JSONEachRow",
      values: linesAround(accountId, period),
    });
    const exact = await queries.rows(said, {
      query: `SELECT toUnixTimestamp(toStartOfDay(time, '${zone}')) AS day, sum(weight) AS requests,
        sum(access_log.bytes_out * weight) AS bytes_out FROM access_log
        WHERE account_id = '${accountId}' GROUP BY day ORDER BY day`,
      ...{ accountId: "all", source: "lines", signal },
    });
    expect(exact).toHaveLength(5);
    const asking = { queries, accountId, now: new Date(period.to.getTime() + DAY_MS), signal };
    const { points } = await countTraffic(askedOf(accountId, period, zone), asking);
    const told = [...points].map(([time, cells]) => {
      const counted = cells.get("");
      return { day: time / 1000, requests: counted?.get("requests"), bytes_out: counted?.get("bytes_out") };
    });
    // The first and the last are of the days beside the period.
    expect(told.sort((one, other) => one.day - other.day)).toEqual(exact.slice(1, -1));
  }
});

test("days and months begin where ClickHouse says that they do", async () => {
  const moments = fc.sample(
    fc.date({ min: new Date("2024-01-01"), max: new Date("2026-12-01"), noInvalidDate: true }),
    200,
  );
  const said = z.object({ day: z.coerce.number(), month: z.coerce.number() });
  for (const zone of zones) {
    const query = `SELECT toUnixTimestamp(toStartOfDay(t)) AS day, toUnixTimestamp(toDateTime(toStartOfMonth(t), '${zone}')) AS month
      FROM (SELECT toDateTime(arrayJoin([${moments.map((moment) => Math.floor(moment.getTime() / 1000))}]), '${zone}') AS t)`;
    const told = await queries.rows(said, {
      query,
      accountId: "all",
      source: "lines",
      signal: new AbortController().signal,
    });
    const mine = moments.map((moment) => ({
      day: startOf(moment, "day", zone).getTime() / 1000,
      month: startOf(moment, "month", zone).getTime() / 1000,
    }));
    expect(mine, zone).toEqual(told);
  }
});

function expectSame(told: Told, byRequests: Told, group: Group | undefined): void {
  const flat = ({ points, groups, total }: Told) => [
    ...[...points].flatMap(([time, cells]) =>
      [...cells].map(([name, counted]) => [`${new Date(time).toISOString()} ${name}`, counted] as const),
    ),
    ...[...groups].map(([name, counted]) => [`all ${name}`, counted] as const),
    ["all", total] as const,
  ];
  const [mine, theirs] = [new Map(flat(told)), new Map(flat(byRequests))];
  expect([...mine.keys()].sort()).toEqual([...theirs.keys()].sort());
  if (group !== undefined) expect([...told.groups.keys()]).toEqual([...byRequests.groups.keys()]);
  for (const [name, counted] of mine) expectSameCounted(name, counted, theirs.get(name));
}

function expectSameCounted(where: string, counted: Counted, byRequests: Counted | undefined): void {
  for (const name of countedNames) {
    const [value, expected] = [counted.get(name), byRequests?.get(name)];
    if (name === "visitors" && value !== undefined && expected !== undefined) {
      expect(Math.abs(value - expected), `${where} ${name}`).toBeLessThanOrEqual(expected * VISITORS_OFF_MAX);
    } else expect(value, `${where} ${name}`).toBe(expected);
  }
}

function timeOf({ time }: { readonly time: string }): number {
  return Math.round(Number(time) * 1000);
}

/** To the second, as points are told. */
function pointOf(line: { readonly time: string }, { starts }: Asked): number {
  const start = starts.findLast((each) => each.getTime() <= timeOf(line))?.getTime() ?? 0;
  return Math.floor(start / 1000) * 1000;
}

function linesOf({ accountIds, distributionIds }: Scope, { from, to }: Period) {
  // Until now is told until the end of the minute.
  const end = to < now ? to.getTime() : now.getTime() + 1;
  return lines.filter(
    (line) =>
      accountIds.includes(line.account_id ?? "") &&
      (distributionIds === "all" || distributionIds.includes(line.distribution_id ?? "")) &&
      timeOf(line) >= from.getTime() &&
      timeOf(line) < end,
  );
}

/** The quantile by nearest rank is the time that so much of all the requests had at most. */
function expectNear(where: string, counted: Counted | undefined, within: readonly (typeof lines)[number][]): void {
  const sorted = within.toSorted((one, other) => one.ttfb_ms - other.ttfb_ms);
  const requests = sorted.reduce((sum, { weight }) => sum + weight, 0);
  for (const [name, level] of Object.entries(ttfbQuantiles)) {
    let reached = 0;
    const exact = sorted.find(({ weight }) => {
      reached += weight;
      return reached >= Math.ceil(requests * level);
    })?.ttfb_ms;
    const told = new Map<string, number>(counted ?? []).get(name);
    if (exact === undefined) expect(told, `${where} ${name}`).toBeUndefined();
    else expect(Math.abs((told ?? -1) - exact), `${where} ${name} ${told}`).toBeLessThanOrEqual(exact * TTFB_ERROR);
  }
}

function askedOf(accountId: string, period: Period, zone: string): Asked {
  const days = startsOf(period, "day", zone);
  return {
    ...{ scope: { accountIds: [accountId], distributionIds: "all" }, filter: {}, group: undefined, groupsMax: 0 },
    ...{ period: { from: days[0] ?? period.from, to: period.to }, starts: days },
    ingredients: ingredientsOf(["requests", "bytes", "visitors"]),
  };
}

/** Every seven minutes of it and an hour before and after, and at its ends to the millisecond. */
function linesAround(accountId: string, { from, to }: Period) {
  const times = [from.getTime() - 1, from.getTime(), to.getTime() - 1, to.getTime()];
  for (let at = from.getTime() - HOUR_MS; at < to.getTime() + HOUR_MS; at += 7 * 60_000) times.push(at + 1);
  return times.map((at, index) => ({
    ...{ account_id: accountId, distribution_id: accountId, edge_id: edges[0], provider: "gotipath" },
    ...{ time: (at / 1000).toFixed(3), bytes_out: 1000 + index * index, weight: index % 5 === 0 ? 20 : 1 },
  }));
}
