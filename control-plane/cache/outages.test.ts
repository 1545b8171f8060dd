// Redis, or the word of it, gone in every way: reads are slower, and never older than an acknowledged write.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { startRedis } from "../../platform/embedded/redis.ts";
import type { EmbeddedService } from "../../platform/embedded/service.ts";
import { testTools } from "../../platform/embedded/test-services.ts";
import { createLogger } from "../../platform/log.ts";
import { createTestDatabase, type TestDatabase } from "../database/test-database.ts";
import { FOLLOW_MS } from "./liveness.ts";
import { createTestLink, type TestLink } from "./test-link.ts";
import { commitsWaiting, createThings, holdCommit, openThings, staleFor, type Things, WAIT } from "./test-things.ts";

const log = createLogger({ role: "test", level: "silent" });

let database: TestDatabase;
let folder: string;
let redis: EmbeddedService;
let links: TestLink[] = [];
let opened: Things[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  await createThings(database.db);
});
afterAll(() => database.stop());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "edgewright-cache-redis-"));
  await startIn(folder);
  await onRedis((client) => client.config("SET", "appendfsync", "always"));
});
afterEach(async () => {
  await Promise.all(opened.map((things) => things.stop()));
  await Promise.all(links.map((link) => link.stop()));
  [opened, links] = [[], []];
  await redis.part.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The same port and password again, with whatever lies in the folder: its file of commands is replayed. */
async function startIn(where: string): Promise<void> {
  const command = (await testTools()).command("redis-server");
  redis = await startRedis({ folder: where, log, durability: "full", command });
}

async function things(settings: { redisUrl?: string; epochUrl?: string; fenceMs?: number } = {}): Promise<Things> {
  const made = openThings({ databaseUrl: database.url, redisUrl: redis.url, ...settings });
  opened.push(made);
  return made;
}

async function link(url: string): Promise<TestLink> {
  const made = await createTestLink(url);
  links.push(made);
  return made;
}

async function onRedis<T>(work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(redis.url);
  client.on("error", () => {});
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

const epoch = async (): Promise<number> => (await database.db("cache_epoch").first()).epoch;
const transactionsWaiting = async () =>
  (
    await database.db.raw(
      "select 1 from pg_stat_activity where application_name = 'things' and state like 'idle in%' and datname = current_database()",
    )
  ).rows.length;
const stored = (id: string) => onRedis((client) => client.hget(`edgewright:cache:entry:thing:${id}`, ":"));
const dead = (made: Things) => expect.poll(() => made.cache.isLive(), WAIT).toBe(false);

test("without Redis every read is from Postgres, and right", async () => {
  const nowhere = { redisUrl: "redis://127.0.0.1:1/0" };
  const [one, other] = [await things(nowhere), await things(nowhere)];
  for (let version = 1; version <= 20; version += 1) {
    await one.write("plain");
    for (const reader of [one, other]) expect(await reader.version("plain")).toBe(version);
  }
  expect(one.loads() + other.loads()).toBe(40);
  expect(await one.counted("bypass")).toBe(20);
});

test("without Redis readers of one thing share what was not begun before they came", async () => {
  const one = await things({ redisUrl: "redis://127.0.0.1:1/0" });
  await one.write("shared");
  const hold = one.holdLoad();
  const early = one.version("shared");
  await hold.hasRead;
  await one.write("shared");
  const late = Array.from({ length: 50 }, () => one.version("shared"));
  hold.letGo();
  expect(await early).toBe(1);
  expect(new Set(await Promise.all(late))).toEqual(new Set([2]));
  expect(one.loads()).toBe(2);
});

test("a writer cut off from Redis raises the epoch: readers who still have Redis believe nothing of before", async () => {
  const wire = await link(redis.url);
  const [writer, reader] = [await things({ redisUrl: wire.url }), await things()];
  await Promise.all([writer.live(), reader.live()]);
  await writer.write("cut");
  for (const each of [writer, reader]) expect(await each.cached("cut")).toBe(1);
  wire.cut();
  await dead(writer);
  const before = await epoch();
  await writer.write("cut");
  expect(await writer.version("cut")).toBe(2);
  expect(await reader.staleFor("cut", 2)).toBeLessThan(FOLLOW_MS);
  expect(await epoch()).toBe(before + 1);
  expect(await reader.cached("cut")).toBe(2);
  wire.mend();
  await writer.live();
  expect(await writer.cached("cut")).toBe(2);
});

test("Redis killed, written past, and started again with what it had: the old entry is there and is not believed", async () => {
  const [one, other] = [await things(), await things()];
  await Promise.all([one.live(), other.live()]);
  await one.write("risen");
  for (const each of [one, other]) expect(await each.cached("risen")).toBe(1);
  await redis.part.stop();
  await Promise.all([dead(one), dead(other)]);
  await one.write("risen");
  for (const each of [one, other]) expect(await each.version("risen")).toBe(2);
  await startIn(folder);
  expect(await stored("risen")).toContain('"version":1');
  await Promise.all([one.live(), other.live()]);
  for (const each of [one, other]) expect(await each.cached("risen")).toBe(2);
});

test("a Redis that lost its last second brings back what a writer had deleted, and is not believed", async () => {
  const [one, other] = [await things(), await things()];
  await Promise.all([one.live(), other.live()]);
  await one.write("lost");
  for (const each of [one, other]) expect(await each.cached("lost")).toBe(1);
  const earlier = join(folder, "earlier");
  cpSync(join(folder, "appendonlydir"), earlier, { recursive: true });
  const before = await epoch();
  await one.write("lost");
  expect(await epoch()).toBe(before);
  await redis.part.stop();
  rmSync(join(folder, "appendonlydir"), { recursive: true });
  cpSync(earlier, join(folder, "appendonlydir"), { recursive: true });
  await startIn(folder);
  expect(await stored("lost")).toContain('"version":1');
  await Promise.all([one.live(), other.live()]);
  for (const each of [one, other]) expect(await each.cached("lost")).toBe(2);
});

test("a Redis that hangs is given up once; what it was told is done late and does no harm", async () => {
  const [one, other] = [await things({ fenceMs: 500 }), await things()];
  await Promise.all([one.live(), other.live()]);
  await one.write("hung");
  for (const each of [one, other]) expect(await each.cached("hung")).toBe(1);
  const pid = redis.part.pid() ?? 0;
  process.kill(pid, "SIGSTOP");
  try {
    // The fence is said to a Redis that does not answer.
    await one.write("hung");
    expect(await one.version("hung")).toBe(2);
    expect(await other.staleFor("hung", 2)).toBeLessThan(FOLLOW_MS);
    await Promise.all([dead(one), dead(other)]);
    const bypassed = await one.counted("bypass");
    for (let n = 0; n < 50; n += 1) expect(await one.version("hung")).toBe(2);
    expect((await one.counted("bypass")) - bypassed).toBe(50);
    await one.write("hung");
    for (const each of [one, other]) expect(await each.version("hung")).toBe(3);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await Promise.all([one.live(), other.live()]);
  for (const each of [one, other]) expect(await each.cached("hung")).toBe(3);
});

test("a reader that Redis is cut off from, or says nothing to, reads from Postgres until it hears again", async () => {
  for (const silence of ["cut", "muteAnswers"] as const) {
    const wire = await link(redis.url);
    const [writer, reader] = [await things(), await things({ redisUrl: wire.url })];
    await Promise.all([writer.live(), reader.live()]);
    const id = `deaf-${silence}`;
    await writer.write(id);
    expect(await reader.cached(id)).toBe(1);
    wire[silence]();
    // It does not know yet. What it heard last is old after 100 ms; until then it may be told of before.
    await writer.write(id);
    expect(await reader.staleFor(id, 2)).toBeLessThan(FOLLOW_MS);
    await dead(reader);
    for (const version of [3, 4]) {
      await writer.write(id);
      expect(await reader.version(id)).toBe(version);
    }
    wire.mend();
    await reader.live();
    expect(await reader.cached(id)).toBe(4);
  }
});

test("what somebody keeps of several reads is as old as memory may be, and not older", async () => {
  const wire = await link(redis.url);
  const [writer, reader] = [await things(), await things({ redisUrl: wire.url })];
  await Promise.all([writer.live(), reader.live()]);
  const stampOf = reader.cache.watch(["thing"]);
  await expect.poll(stampOf, WAIT).toBeDefined();
  wire.muteAnswers();
  await writer.write("watched");
  const before = stampOf();
  const staleMs = await staleFor(
    async () => stampOf(),
    (stamp) => stamp === undefined || stamp !== before,
  );
  expect(staleMs).toBeLessThan(FOLLOW_MS);
  wire.mend();
  await reader.live();
  await expect.poll(stampOf, WAIT).toBeDefined();
});

test("a reader that does not hear Postgres of epochs reads from Postgres until it does", async () => {
  const [postgresWire, redisWire] = [await link(database.url), await link(redis.url)];
  const writer = await things({ redisUrl: redisWire.url });
  const reader = await things({ epochUrl: postgresWire.url });
  await Promise.all([writer.live(), reader.live()]);
  await writer.write("unheard");
  expect(await reader.cached("unheard")).toBe(1);
  postgresWire.cut();
  redisWire.cut();
  await Promise.all([dead(reader), dead(writer)]);
  await writer.write("unheard");
  expect(await reader.version("unheard")).toBe(2);
  postgresWire.mend();
  await reader.live();
  expect(await reader.cached("unheard")).toBe(2);
});

test("a reader to whom Postgres says nothing stops believing", async () => {
  const wire = await link(database.url);
  const reader = await things({ epochUrl: wire.url });
  await reader.live();
  wire.muteAnswers();
  await dead(reader);
  wire.mend();
  await reader.live();
});

test("a fence that Redis forgot between raising and commit: what was stored meanwhile is gone at the acknowledgement", async () => {
  const [one, other] = [await things(), await things()];
  await Promise.all([one.live(), other.live()]);
  await one.write("forgot");
  const commit = await holdCommit(database.db, "forgot");
  const writing = one.write("forgot");
  await commitsWaiting(database.db);
  await onRedis((client) => client.flushall());
  for (const each of [one, other]) expect(await each.cached("forgot")).toBe(1);
  await commit();
  await writing;
  expect(await one.version("forgot")).toBe(2);
  expect(await other.staleFor("forgot", 2)).toBeLessThan(FOLLOW_MS);
});

test("a fence that was lost, and a writer that cannot say so: the epoch says it before the acknowledgement", async () => {
  const wire = await link(redis.url);
  const [writer, reader] = [await things({ redisUrl: wire.url }), await things()];
  await Promise.all([writer.live(), reader.live()]);
  await writer.write("twice");
  const commit = await holdCommit(database.db, "twice");
  const writing = writer.write("twice");
  await commitsWaiting(database.db);
  await onRedis((client) => client.flushall());
  expect(await reader.cached("twice")).toBe(1);
  wire.cut();
  await dead(writer);
  const before = await epoch();
  await commit();
  await writing;
  expect(await epoch()).toBe(before + 1);
  expect(await writer.version("twice")).toBe(2);
  expect(await reader.staleFor("twice", 2)).toBeLessThan(FOLLOW_MS);
});

test("a command that writes at its start waits for Redis rather than make everything stale", async () => {
  const wire = await link(redis.url);
  wire.muteAnswers();
  const before = await epoch();
  const writing = (await things({ redisUrl: wire.url })).write("at-once");
  await expect.poll(transactionsWaiting, WAIT).toBe(1);
  wire.mend();
  await writing;
  expect(await epoch()).toBe(before);
});

test("a Redis that forgot its scripts is given them again", async () => {
  const one = await things();
  await one.live();
  await one.write("scripted");
  await onRedis((client) => client.script("FLUSH"));
  await one.write("scripted");
  expect(await one.version("scripted")).toBe(2);
  await one.live();
  expect(await one.cached("scripted")).toBe(2);
});

test("a full Redis caches nothing, and nothing is wrong", async () => {
  const [one, other] = [await things({ fenceMs: 500 }), await things()];
  await Promise.all([one.live(), other.live()]);
  await one.write("full");
  for (const each of [one, other]) expect(await each.cached("full")).toBe(1);
  await onRedis((client) => client.config("SET", "maxmemory", "1"));
  await one.write("full");
  expect(await one.version("full")).toBe(2);
  expect(await other.staleFor("full", 2)).toBeLessThan(FOLLOW_MS);
  await one.live();
  expect(await one.version("full")).toBe(2);
  expect(await stored("full")).toBeNull();
  await onRedis((client) => client.config("SET", "maxmemory", "0"));
  for (const each of [one, other]) expect(await each.cached("full")).toBe(2);
});
