// What customers read through the caches, over HTTP, real Redis and real Postgres.
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startTestRedis, type TestService } from "../../../platform/embedded/test-services.ts";
import { createLogger } from "../../../platform/log.ts";
import { type Cache, openCache } from "../../cache/cache.ts";
import { startTestApi, type TestApi } from "./test-api.ts";
import { inputFor } from "./test-customer.ts";

let redis: TestService;
let cache: Cache | undefined;
let api: TestApi;

beforeAll(async () => {
  redis = await startTestRedis();
  const log = createLogger({ role: "test", level: "silent" });
  api = await startTestApi(({ db, url }) => {
    const settings = { databaseUrl: url, redisUrl: redis.url, reads: "cached", registry: new Registry(), log } as const;
    cache = openCache({ db, ...settings });
    return cache;
  });
  await vi.waitFor(() => expect(cache?.isLive()).toBe(true), 15_000);
});
afterAll(async () => {
  await cache?.part.stop();
  await api.stop();
  await redis.stop();
});

async function newDistribution(domain: string) {
  const { record, origins } = await api.services.distributions.create(api.people.owner, inputFor(domain));
  return { id: record.id, originId: origins[0]?.id ?? "" };
}

test("an id in upper case reads what was written to the same one in lower case", async () => {
  const { id } = await newDistribution("cases.example.com");
  const shouted = `/distributions/${id.toUpperCase()}`;
  expect((await api.call("owner", "GET", shouted)).body).toMatchObject({ id, label: "cases.example.com" });
  await api.call("owner", "PATCH", `/distributions/${id}`, { label: "Written" });
  expect((await api.call("owner", "GET", shouted)).body).toMatchObject({ id, label: "Written" });
});

test("a change by an id in upper case is told to the audit log and to the worker by the id as it is kept", async () => {
  const { id } = await newDistribution("loud.example.com");
  await api.call("owner", "PATCH", `/distributions/${id.toUpperCase()}`, { label: "Written" });
  expect(await api.db("audit_entry").where({ resource_id: id }).orderBy("created_at").pluck("action")).toEqual([
    "distribution.create",
    "distribution.update",
  ]);
  expect(await api.db("outbox").whereRaw("payload->>'distribution_id' = ?", [id.toUpperCase()])).toEqual([]);
});

test("what a distribution owns is found by its id in upper case too", async () => {
  const { id, originId } = await newDistribution("owned.example.com");
  const path = `/distributions/${id}/origins/${originId.toUpperCase()}`;
  expect((await api.call("owner", "PATCH", path, { weight: 7 })).body).toMatchObject({ id: originId, weight: 7 });
});
