// Whatever is asked, roll-ups tell what the requests themselves tell. A filter by host is answered by the latter alone.
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createTestClickHouse, type TestClickHouse } from "../../../database/test-clickhouse.ts";
import { type Asked, countTraffic, type Told } from "./count-traffic.ts";
import { type Group, operatorGroups } from "./dimensions.ts";
import { type Counted, countedNames, ingredientsOf, metrics } from "./metrics.ts";
import { createReportQueries, type ReportQueries } from "./report-queries.ts";
import { intervals, startOf, startsOf } from "./zone.ts";

const DAY_MS = 24 * 3600 * 1000;
const now = new Date();
/** Visitors are told within 1.2 % as a rule, and a thousand times as often within three times that. */
const VISITORS_OFF_MAX = 0.036;
const accounts = [randomUUID(), randomUUID()];
const distributions = accounts.map(() => [randomUUID(), randomUUID(), randomUUID()]);
const zones = ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"];
const POINTS_MAX = 400;

let server: TestClickHouse;
let queries: ReportQueries;

beforeAll(async () => {
  server = await createTestClickHouse();
  queries = createReportQueries(server);
  const seeded = fc.sample(row, { numRuns: 3000, seed: 7 });
  // Much on one day as well, so that sets of visitors are large ones.
  const crowded = fc.sample(row, { numRuns: 3000, seed: 8 }).map((one) => ({ ...one, age: (one.age / 80) % 3 }));
  for (const rows of [seeded, crowded]) {
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

test("days and months begin where ClickHouse says that they do", async () => {
  const moments = fc.sample(
    fc.date({ min: new Date("2024-01-01"), max: new Date("2026-12-01"), noInvalidDate: true }),
    200,
  );
  const said = z.object({ day: z.coerce.number(), month: z.coerce.number() });
  for (const zone of zones) {
    const query = `SELECT toUnixTimestamp(toStartOfDay(t)) AS day, toUnixTimestamp(toDateTime(toStartOfMonth(t), '${zone}')) AS month
      FROM (SELECT toDateTime(arrayJoin([${moments.map((moment) => Math.floor(moment.getTime() / 1000))}]), '${zone}') AS t)`;
    const told = await queries.rows(said, { query, accountId: "all", signal: new AbortController().signal });
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
