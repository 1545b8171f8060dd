// What is told of a few requests, by the real engine.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestClickHouse, type TestClickHouse } from "../../../database/test-clickhouse.ts";
import { createMeasures, type Measures, scopeKey } from "./measures.ts";
import { createReportQueries } from "./report-queries.ts";

// Young enough to be kept.
const today = new Date();
const DAY = new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() - 1, 15)).toISOString().slice(0, 10);
const at = (time: string) => new Date(`${DAY}T${time}Z`);
const now = at("12:00");
const accountId = randomUUID();
const distributionId = randomUUID();
const signal = new AbortController().signal;

let server: TestClickHouse;
let measures: Measures;

beforeAll(async () => {
  server = await createTestClickHouse();
  measures = createMeasures({ queries: createReportQueries(server), clock: () => now });
  const row = { account_id: accountId, distribution_id: distributionId, edge_id: randomUUID(), weight: 1 };
  await server.clickhouse.insert({
    table: "access_log",
    format: "JSONEachRow",
    values: [
      { ...row, time: `${DAY} 10:00:00`, status: 200, cache_status: "HIT", bytes_out: 3000 },
      { ...row, time: `${DAY} 10:10:00`, status: 503, cache_status: "MISS", bytes_out: 1000, weight: 3 },
      { ...row, time: `${DAY} 11:00:00`, status: 200, cache_status: "MISS", distribution_id: randomUUID() },
    ],
  });
});
afterAll(() => server.stop());

test("a period is told in one row, of one distribution or of all", async () => {
  const period = { from: at("10:00"), to: at("11:30") };
  const metrics = ["requests", "bytes", "bandwidth", "hit_ratio", "byte_hit_ratio", "error_rate"] as const;
  const { requests, ...rest } = await measures.measure({ accountId, distributionId, ...period, metrics }, signal);
  expect(requests).toBe(4);
  expect(rest).toEqual({ bytes: 6000, bandwidth: 9, hit_ratio: 0.25, byte_hit_ratio: 0.5, error_rate: 0.75 });
  expect(await measures.measure({ accountId, ...period, metrics: ["requests"] }, signal)).toEqual({ requests: 5 });
  const nobody = { accountId: randomUUID(), ...period, metrics };
  expect(Object.values(await measures.measure(nobody, signal))).toEqual([0, 0, 0, 0, 0, 0]);
});

test("a series has every point", async () => {
  const period = { from: at("09:00"), to: at("11:30") };
  const asked = { accountId, ...period, metrics: ["requests", "errors"] as const, interval: "hour" as const };
  expect((await measures.series(asked, signal)).map(({ values }) => [values.requests, values.errors])).toEqual([
    [0, 0],
    [4, 3],
    [1, 0],
  ]);
});

test("many scopes are told at once, whole accounts and single distributions", async () => {
  const period = { from: at("10:00"), to: at("12:00") };
  const of = [{ accountId }, { accountId, distributionId }, { accountId: randomUUID() }];
  const told = await measures.measureMany({ of, ...period, metrics: ["requests", "status_5xx"] }, signal);
  expect(Object.fromEntries(told)).toEqual({
    [scopeKey({ accountId })]: { requests: 5, status_5xx: 3 },
    [scopeKey({ accountId, distributionId })]: { requests: 4, status_5xx: 3 },
  });
});
