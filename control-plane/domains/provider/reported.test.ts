import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { createLogger } from "../../../platform/log.ts";
import { createMeasures, createReportQueries, createReportService } from "../report/index.ts";
import { trafficQuery } from "../report/traffic/schema.ts";
import { GCORE_TOKEN, startTestGcore } from "./gcore/test-gcore.ts";
import { providerHandlers, providerSchedules } from "./index.ts";
import { openProviderWorld, type ProviderWorld } from "./test-world.ts";
import { ACCESS_KEY, CUSTOMER_ID, startTestTmSwift } from "./tm-swift/test-tm-swift.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Yesterday at noon: what is older than two months ClickHouse forgets, whatever our clock says. */
const NOON = Math.floor(Date.now() / DAY_MS) * DAY_MS - 12 * HOUR_MS;
const minutesAgo = (minutes: number) => new Date(NOON - minutes * MINUTE_MS);
const START = minutesAgo(-2);

let world: ProviderWorld;
let gcore: Awaited<ReturnType<typeof startTestGcore>>;
beforeAll(async () => {
  [world, gcore] = await Promise.all([openProviderWorld(START), startTestGcore(new Map())]);
  const input = { is_enabled: true, api_token: GCORE_TOKEN, base_url: gcore.url };
  await world.providers.put(world.operator, "gcore", input, () => {});
});
afterAll(() => Promise.all([world.stop(), gcore.stop()]));
beforeEach(async () => {
  world.setTime(START);
  await world.db("provider_link").delete();
});

/** A resource of Gcore's that exists, linked to a distribution of a new account. */
async function linked(resource: string, since: Date) {
  const distribution = await world.distribution();
  const place = { provider: "gcore" as const, resource };
  await world.links.put(world.operator, place, { distribution_id: distribution.id, since });
  return { resource, distribution };
}

test("TM Swift's domains count with its own name, by hours, days and reports of a provider", async () => {
  const swift = await startTestTmSwift(() => START);
  const input = {
    is_enabled: true,
    ...ACCESS_KEY,
    customer_id: CUSTOMER_ID,
    base_url: swift.url,
    delivery_url: swift.url,
  };
  await world.providers.put(world.operator, "tm_swift", input, () => {});
  const distribution = await world.distribution();
  const place = { provider: "tm_swift" as const, resource: "www.example.com" };
  await world.links.put(world.operator, place, { distribution_id: distribution.id, since: minutesAgo(40 * 60) });
  swift.say("www.example.com", minutesAgo(30 * 60), { volume: 700, hitVolume: 500, requests: 7, hits: 5 });
  swift.say("www.example.com", minutesAgo(5), { volume: 70, requests: 1, originCodes: { 200: 1 } });
  expect(await world.sync("tm_swift")).toMatchObject({ outcome: "synced", points: 2, requests: 8, bytes_out: 770 });
  expect(await world.reported(distribution)).toEqual({ requests: 8, bytes_out: 770 });
  const rows = await world.rows(
    z.object({ value: z.string(), hits: z.coerce.number(), origin: z.coerce.number() }),
    `SELECT value, sum(hits) AS hits, sum(origin_requests) AS origin FROM reported_traffic_day
     WHERE account_id = '${distribution.accountId}' AND dimension = 'provider' AND distribution_id = '${distribution.id}'
     GROUP BY value`,
  );
  expect(rows).toEqual([{ value: "tm_swift", hits: 5, origin: 1 }]);
  await swift.stop();
});

test("reports count it: what is told as it is told, and nothing else", async () => {
  const { resource, distribution } = await linked("1", minutesAgo(300));
  const said = { requests: 100, responses_hit: 60, sent_bytes: 9_000, upstream_bytes: 2_000 };
  gcore.say(resource, minutesAgo(200), { ...said, responses_2xx: 80, responses_4xx: 10, responses_5xx: 5 });
  gcore.say(resource, minutesAgo(10), { requests: 1 });
  await world.sync("gcore");
  const queries = createReportQueries({ clickhouse: world.clickhouse.clickhouse });
  const measures = createMeasures({ queries, clock: () => START });
  const period = { accountId: distribution.accountId, from: minutesAgo(300), to: minutesAgo(0) };
  const metrics = ["requests", "bytes", "hits", "byte_hit_ratio", "status_2xx", "status_4xx", "errors"] as const;
  const signal = AbortSignal.timeout(20_000);
  const counted = { requests: 101, bytes: 9_000, hits: 60, status_2xx: 80, status_4xx: 10, errors: 5 };
  for (const of of [{}, { distributionId: distribution.id }]) {
    const measured = await measures.measure({ ...period, ...of, metrics: [...metrics] }, signal);
    expect(measured).toMatchObject({ ...counted, byte_hit_ratio: expect.closeTo(7 / 9) });
  }
  const later = { ...period, from: minutesAgo(10), metrics: ["requests" as const, "visitors" as const] };
  expect(await measures.measure(later, signal)).toEqual({ requests: 1, visitors: 0 });

  const reports = createReportService({
    ...{ queries, distributions: { get: () => Promise.reject(new Error("nobody asks for one")) } },
    ...{ lostLines: async () => 0, clock: () => START },
  });
  const caller = { ...world.operator, accountId: distribution.accountId };
  const hours = { from: minutesAgo(300).toISOString(), to: minutesAgo(0).toISOString(), interval: "hour" };
  const query = (group: string) => trafficQuery.parse({ ...hours, metrics: "requests,bytes", group_by: group });
  const byProvider = await reports.traffic(caller, query("provider"), signal);
  expect(byProvider.groups).toMatchObject([{ group: "gcore", values: { requests: 101, bytes: 9_000 } }]);
  const byClass = await reports.traffic(caller, query("status_class"), signal);
  expect(byClass.groups?.map(({ group, values }) => [group, values.requests])).toEqual([
    ["2xx", 80],
    ["4xx", 10],
    ["", 6],
    ["5xx", 5],
  ]);
});

test("a question about one account reads no other's rows", async () => {
  const { resource, distribution } = await linked("2", minutesAgo(300));
  gcore.say(resource, minutesAgo(200), { requests: 100 });
  await world.sync("gcore");
  const rows = await world.rows(
    z.object({ explain: z.string() }),
    `EXPLAIN indexes = 1 SELECT sum(requests) FROM reported_traffic_hour
     WHERE account_id = '${distribution.accountId}' AND dimension = 'all' AND distribution_id = '${distribution.id}'
       AND time >= toDateTime(${minutesAgo(300).getTime() / 1000}, 'UTC')`,
  );
  const plan = rows.map(({ explain }) => explain.trim()).join("\n");
  expect(plan).toMatch(/\.provider_hour[\s\S]*PrimaryKey\s+Keys:\s+account_id\s+time/);
});

test("the worker takes it over by itself, and looks whether providers answer", async () => {
  const { resource, distribution } = await linked("9", minutesAgo(60));
  gcore.say(resource, minutesAgo(30), { requests: 12, sent_bytes: 34 });
  const handlers = providerHandlers({ ...world.settings, log: createLogger({ role: "test", level: "silent" }) });
  for (const { name, payload } of providerSchedules) {
    await handlers.find(({ job }) => job.name === name)?.run(payload, AbortSignal.timeout(20_000));
  }
  expect(await world.reported(distribution)).toEqual({ requests: 12, bytes_out: 34 });
  expect(await world.providers.get("gcore")).toMatchObject({ is_healthy: true, statistics_error: null });
});
