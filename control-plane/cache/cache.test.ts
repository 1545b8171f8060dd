// The way of a read over real Redis and Postgres, with one writer at a time.
import { Redis } from "ioredis";
import { Registry } from "prom-client";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { startTestRedis, type TestService } from "../../platform/embedded/test-services.ts";
import { createLogger } from "../../platform/log.ts";
import { createTestDatabase, type TestDatabase } from "../database/test-database.ts";
import { inTransaction, makeStale } from "../database/transaction.ts";
import { openCache } from "./cache.ts";
import { FOLLOW_MS } from "./liveness.ts";
import { createThings, openThings, type Things } from "./test-things.ts";

let database: TestDatabase;
let redis: TestService;
let opened: Things[] = [];

beforeAll(async () => {
  [database, redis] = await Promise.all([createTestDatabase(), startTestRedis()]);
  await createThings(database.db);
});
afterAll(async () => {
  await Promise.all([database.stop(), redis.stop()]);
});
afterEach(async () => {
  await Promise.all(opened.map((things) => things.stop()));
  opened = [];
});

async function things(settings: { reads?: "direct" } = {}): Promise<Things> {
  const made = openThings({ databaseUrl: database.url, redisUrl: redis.url, ...settings });
  opened.push(made);
  if (settings.reads !== "direct") await made.live();
  return made;
}

test("a thing is loaded once, then comes from memory; another process finds it in Redis", async () => {
  const [one, other] = [await things(), await things()];
  await one.write("first");
  expect(await one.version("first")).toBe(1);
  expect(await one.cached("first")).toBe(1);
  expect(one.loads()).toBe(1);
  expect(await other.version("first")).toBe(1);
  expect(await other.cached("first")).toBe(1);
  expect(other.loads()).toBe(0);
  expect([await one.counted("miss"), await one.counted("redis")]).toEqual([1, 0]);
  expect([await other.counted("miss"), await other.counted("redis")]).toEqual([0, 1]);
});

test("a hundred readers of a thing that nobody has cached ask Postgres once", async () => {
  const one = await things();
  await one.write("crowded");
  const versions = await Promise.all(Array.from({ length: 100 }, () => one.version("crowded")));
  expect(new Set(versions)).toEqual(new Set([1]));
  expect(one.loads()).toBe(1);
  expect(await one.counted("joined")).toBe(99);
});

test("that a thing is absent is cached too, until it is made; that it is there, until it is removed", async () => {
  const [one, other] = [await things(), await things()];
  for (const reader of [one, other, one, other]) expect(await reader.version("unborn")).toBeUndefined();
  expect(one.loads() + other.loads()).toBe(1);
  await other.write("unborn");
  expect(await other.version("unborn")).toBe(1);
  expect(await one.staleFor("unborn", 1)).toBeLessThan(FOLLOW_MS);
  await one.remove("unborn");
  expect(await one.version("unborn")).toBeUndefined();
  expect(await other.staleFor("unborn", undefined)).toBeLessThan(FOLLOW_MS);
});

test("the pages of a list are cached one by one, and die together", async () => {
  const one = await things();
  for (const id of ["la", "lb", "lc"]) await one.write(id);
  const idsOf = async (limit: number) => (await one.pages.read("l", { limit }))?.map(({ id }) => id);
  expect(await idsOf(1)).toEqual(["la"]);
  expect(await idsOf(2)).toEqual(["la", "lb"]);
  await one.db("thing").where({ id: "la" }).delete();
  // Nobody said so: both pages are as they were cached.
  expect([await idsOf(1), await idsOf(2)]).toEqual([["la"], ["la", "lb"]]);
  await one.remove("lb");
  expect([await idsOf(1), await idsOf(2)]).toEqual([["lc"], ["lc"]]);
});

test("a transaction that is rolled back leaves what is cached as it is", async () => {
  const one = await things();
  await one.write("kept");
  expect(await one.cached("kept")).toBe(1);
  const rolledBack = inTransaction(one.db, async (tx) => {
    await tx("thing").where({ id: "kept" }).update({ version: 99 });
    makeStale(tx, "thing:kept");
    throw new Error("changed our mind");
  });
  await expect(rolledBack).rejects.toThrow("changed our mind");
  expect(await one.cached("kept")).toBe(1);
  expect(one.loads()).toBe(1);
});

test("what a reader gets is frozen, and is the same whichever layer it comes from", async () => {
  const [one, other] = [await things(), await things()];
  await one.write("solid");
  const loaded = await one.space.read("solid");
  const found = await other.space.read("solid");
  expect(found).toEqual(loaded);
  expect(loaded).toEqual({ id: "solid", version: 1 });
  expect(Object.isFrozen(loaded) && Object.isFrozen(found)).toBe(true);
});

test("a process that only writes invalidates all the same, and reads past the caches", async () => {
  const [reader, writer] = [await things(), await things({ reads: "direct" })];
  await writer.write("told");
  expect(await reader.version("told")).toBe(1);
  await writer.write("told");
  expect(await reader.staleFor("told", 2)).toBeLessThan(FOLLOW_MS);
  expect(await writer.version("told")).toBe(2);
  expect(await writer.counted("bypass")).toBe(1);
  expect(await reader.counted("bypass")).toBe(0);
});

test("a load that fails fails whoever waits for it, and is not remembered", async () => {
  const one = await things();
  await one.write("hidden");
  await one.db.schema.renameTable("thing", "elsewhere");
  const failing = await Promise.allSettled([one.version("hidden"), one.version("hidden")]);
  expect(failing.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await one.db.schema.renameTable("elsewhere", "thing");
  expect(await one.version("hidden")).toBe(1);
});

test("an entry that is not of this space's shape is loaded anew", async () => {
  const [one, other] = [await things(), await things()];
  await one.write("twisted");
  await one.version("twisted");
  const client = new Redis(redis.url);
  const key = "edgewright:cache:entry:thing:twisted";
  const entry = await client.hget(key, ":");
  await client.hset(key, ":", `${entry?.slice(0, 29)}{"id":"twisted","version":"one"}`);
  client.disconnect();
  expect(await other.version("twisted")).toBe(1);
  expect(other.loads()).toBe(1);
});

test("what was changed past the stores is seen when the entry ends", async () => {
  const one = await things();
  const brief = one.cache.space("brief", {
    load: (id) => one.db("thing").where({ id }).first(),
    schema: z.object({ version: z.int() }),
    ttlMs: 50,
  });
  await one.write("past");
  expect(await brief.read("past")).toEqual({ version: 1 });
  await one.db("thing").where({ id: "past" }).update({ version: 2 });
  await expect.poll(() => brief.read("past"), { timeout: 5_000 }).toEqual({ version: 2 });
});

test("a release whose entries have another shape does not take those of the one before it", async () => {
  const [former, next] = [await things(), await things()];
  const load = async () => ({ name: "x", isNew: true });
  const before = former.cache.space("reshaped", { load, schema: z.object({ name: z.string() }) });
  const after = next.cache.space("reshaped", {
    load,
    schema: z.object({ name: z.string(), isNew: z.boolean().default(false) }),
  });
  expect(await before.read("x")).toEqual({ name: "x" });
  await expect.poll(() => fieldsInRedis("edgewright:cache:entry:reshaped:x"), { timeout: 5_000 }).toBe(2);
  expect(await after.read("x")).toEqual({ name: "x", isNew: true });
});

test("of one name Redis holds so many parts and no more", async () => {
  const one = await things();
  const key = "edgewright:cache:entry:things-of:z";
  for (let limit = 1; limit <= 150; limit += 1) {
    await one.pages.read("z", { limit });
    expect(await fieldsInRedis(key)).toBeLessThanOrEqual(66);
  }
  expect(await fieldsInRedis(key)).toBeGreaterThan(10);
});

test("a space says at once that JSON cannot hold its values, and that its name is taken", async () => {
  const one = await things();
  const load = async () => undefined;
  expect(() => one.cache.space("dated", { load, schema: z.date() })).toThrow("Date");
  expect(() => one.cache.space("thing", { load, schema: z.string() })).toThrow("two spaces");
});

test("dates come back as dates, by a codec", async () => {
  const log = createLogger({ role: "test", level: "silent" });
  const instant = z.codec(z.iso.datetime(), z.date(), {
    decode: (text) => new Date(text),
    encode: (date) => date.toISOString(),
  });
  const { db, url: databaseUrl } = database;
  const at = new Date("2026-03-01T12:00:00.123Z");
  for (const attempt of [1, 2]) {
    const cache = openCache({ db, databaseUrl, redisUrl: redis.url, reads: "cached", registry: new Registry(), log });
    await expect.poll(() => cache.isLive(), { timeout: 15_000, interval: 5 }).toBe(true);
    const load = async () => ({ at: attempt === 1 ? at : new Date(0) });
    const moments = cache.space("moment", { load, schema: z.object({ at: instant }) });
    expect(await moments.read("x")).toEqual({ at });
    // The other one finds it once it is stored.
    // The lease and the entry.
    await expect.poll(() => fieldsInRedis("edgewright:cache:entry:moment:x"), { timeout: 15_000 }).toBe(2);
    await cache.part.stop();
  }
});

async function fieldsInRedis(key: string): Promise<number> {
  const client = new Redis(redis.url);
  const fields = await client.hlen(key);
  client.disconnect();
  return fields;
}
