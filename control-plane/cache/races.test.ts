// Readers and writers that overlap, each held where it hurts. No read that begins after an acknowledged write may find
// what was before it: at once in the writer's own process, and as soon as the word has arrived in others.
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { startTestRedis, type TestService } from "../../platform/embedded/test-services.ts";
import { createTestDatabase, type TestDatabase } from "../database/test-database.ts";
import { inTransaction, makeStale } from "../database/transaction.ts";
import { FOLLOW_MS } from "./liveness.ts";
import { createTestLink } from "./test-link.ts";
import { commitsWaiting, createThings, holdCommit, openThings, staleFor, type Things, WAIT } from "./test-things.ts";

let database: TestDatabase;
let redis: TestService;
let client: Redis;
let one: Things;
let other: Things;
let opened: Things[] = [];

beforeAll(async () => {
  [database, redis] = await Promise.all([createTestDatabase(), startTestRedis()]);
  await createThings(database.db);
  client = new Redis(redis.url);
  [one, other] = [await things(), await things()];
  opened = [];
});
afterAll(async () => {
  client.disconnect();
  await Promise.all([one.stop(), other.stop()]);
  await Promise.all([database.stop(), redis.stop()]);
});
beforeEach(() => Promise.all([one.live(), other.live()]));
afterEach(async () => {
  await Promise.all(opened.map((made) => made.stop()));
  opened = [];
});

async function things(settings: { fenceMs?: number } = {}): Promise<Things> {
  const made = openThings({ databaseUrl: database.url, redisUrl: redis.url, ...settings });
  opened.push(made);
  await made.live();
  return made;
}

const fences = (id: string) => client.zcard(`edgewright:cache:fence:thing:${id}`);
/** By all caches together. */
const scriptsRun = async () => Number(/cmdstat_evalsha:calls=(\d+)/.exec(await client.info("commandstats"))?.[1]);
/** The text of what Redis holds for a thing. */
const stored = async (id: string) => (await client.hget(`edgewright:cache:entry:thing:${id}`, ":"))?.slice(29);

test("a reader that began before a write and ends after it leaves nothing behind, in the writer's process", async () => {
  await one.write("slow");
  const hold = one.holdLoad();
  const reading = one.version("slow");
  await hold.hasRead;
  await one.write("slow");
  // Whoever comes after the acknowledgement does not join the reader that began before it.
  expect(await one.version("slow")).toBe(2);
  hold.letGo();
  expect(await reading).toBe(1);
  expect(await one.version("slow")).toBe(2);
  expect(await one.cached("slow")).toBe(2);
  expect(await stored("slow")).toContain('"version":2');
});

test("nor in another process", async () => {
  await one.write("slower");
  const hold = other.holdLoad();
  const reading = other.version("slower");
  await hold.hasRead;
  await one.write("slower");
  expect(await other.staleFor("slower", 2)).toBeLessThan(FOLLOW_MS);
  hold.letGo();
  expect(await reading).toBe(1);
  expect(await other.version("slower")).toBe(2);
  expect(await other.cached("slower")).toBe(2);
  expect(await stored("slower")).toContain('"version":2');
});

test("what is read between the fence and the commit is kept by nobody", async () => {
  await one.write("fenced");
  for (const reader of [one, other]) expect(await reader.cached("fenced")).toBe(1);
  const commit = await holdCommit(database.db, "fenced");
  const writing = one.write("fenced");
  await commitsWaiting(database.db);
  expect(await fences("fenced")).toBe(1);
  const loads = one.loads() + other.loads();
  for (const reader of [one, other, one, other]) expect(await reader.version("fenced")).toBe(1);
  expect(one.loads() + other.loads()).toBe(loads + 4);
  // Two that read what was before the commit, and are done long after it.
  const holds = [one.holdLoad(), other.holdLoad()];
  const reading = [one.version("fenced"), other.version("fenced")];
  await Promise.all(holds.map(({ hasRead }) => hasRead));
  await commit();
  expect(await writing).toBe(2);
  expect(await one.version("fenced")).toBe(2);
  expect(await other.staleFor("fenced", 2)).toBeLessThan(FOLLOW_MS);
  for (const { letGo } of holds) letGo();
  expect(await Promise.all(reading)).toEqual([1, 1]);
  for (const reader of [one, other]) expect(await reader.cached("fenced")).toBe(2);
  expect(await fences("fenced")).toBe(0);
});

test("of two writers of one name, the first to end leaves the other's fence standing", async () => {
  await one.write("ka");
  await one.write("kb");
  const versions = async (reader: Things) =>
    (await reader.pages.read("k", { limit: 10 }))?.map(({ version }) => version).join();
  const commit = await holdCommit(database.db, "ka");
  const writing = one.write("ka");
  await commitsWaiting(database.db);
  await other.write("kb");
  expect(await client.zcard("edgewright:cache:fence:things-of:k")).toBe(1);
  // Were it kept, it would be wrong in a moment.
  for (const reader of [one, other]) expect(await versions(reader)).toBe("1,2");
  expect(await client.hlen("edgewright:cache:entry:things-of:k")).toBe(0);
  await commit();
  await writing;
  expect(await versions(one)).toBe("2,2");
  expect(
    await staleFor(
      () => versions(other),
      (seen) => seen === "2,2",
    ),
  ).toBeLessThan(FOLLOW_MS);
  expect(await client.zcard("edgewright:cache:fence:things-of:k")).toBe(0);
});

test("a commit that outlasts its fence is seen at its acknowledgement all the same", async () => {
  const hasty = await things({ fenceMs: 50 });
  await one.write("late");
  const commit = await holdCommit(database.db, "late");
  const writing = hasty.write("late");
  await commitsWaiting(database.db);
  for (const reader of [hasty, other]) expect(await reader.cached("late")).toBe(1);
  await commit();
  await writing;
  expect(await hasty.version("late")).toBe(2);
  expect(await other.staleFor("late", 2)).toBeLessThan(FOLLOW_MS);
});

test("after a commit that failed nothing is kept until its fence ends by itself", async () => {
  await database.db.raw(`create function refuse() returns trigger language plpgsql as
    $$ begin if new.version = 13 then raise exception 'unlucky'; end if; return null; end $$`);
  await database.db.raw(`create constraint trigger refuse after update on thing
    deferrable initially deferred for each row when (new.id like 'doomed%') execute function refuse()`);
  const fail = (writer: Things, id: string) =>
    inTransaction(writer.db, async (tx) => {
      await tx("thing").where({ id }).update({ version: 13 });
      makeStale(tx, `thing:${id}`);
    });
  for (const id of ["doomed", "doomed-soon"]) {
    await one.write(id);
    for (const reader of [one, other]) expect(await reader.cached(id)).toBe(1);
  }
  await expect(fail(one, "doomed")).rejects.toThrow("unlucky");
  expect(await fences("doomed")).toBe(1);
  const fenced = await other.counted("fenced");
  expect(await other.staleFor("doomed", 1)).toBe(0);
  expect((await other.counted("fenced")) - fenced).toBe(1);
  expect(await stored("doomed")).toBeUndefined();

  await expect(fail(await things({ fenceMs: 50 }), "doomed-soon")).rejects.toThrow("unlucky");
  for (const reader of [one, other]) expect(await reader.cached("doomed-soon")).toBe(1);
});

test("a change of very many names makes everything stale, everywhere", async () => {
  await one.write("bulk");
  for (const reader of [one, other]) expect(await reader.cached("bulk")).toBe(1);
  await inTransaction(one.db, async (tx) => {
    await tx("thing").where({ id: "bulk" }).update({ version: 2 });
    makeStale(tx, "thing:bulk");
    for (let n = 0; n < 1_000; n += 1) makeStale(tx, `thing:bulk-${n}`);
  });
  expect(await one.version("bulk")).toBe(2);
  expect(await other.staleFor("bulk", 2)).toBeLessThan(FOLLOW_MS);
  for (const reader of [one, other]) expect(await reader.cached("bulk")).toBe(2);
});

test("each of many writes is seen by the next read of its process", async () => {
  for (let version = 1; version <= 200; version += 1) {
    expect(await one.write("counted")).toBe(version);
    expect(await one.version("counted")).toBe(version);
  }
  expect(await other.staleFor("counted", 200)).toBeLessThan(FOLLOW_MS);
});

test("what Redis found or stored just before a write is not kept when the word of the write comes with it", async () => {
  const wire = await createTestLink(redis.url);
  const far = openThings({ databaseUrl: database.url, redisUrl: wire.url });
  await far.live();
  // It finds what is about to be old.
  await one.write("found");
  expect(await one.cached("found")).toBe(1);
  wire.muteAnswers();
  const before = await scriptsRun();
  const finding = far.version("found");
  await expect.poll(scriptsRun, WAIT).toBe(before + 1);
  await one.write("found");
  // At the fence, and after the commit.
  await expect.poll(() => wire.held("thing:found"), WAIT).toBe(2);
  wire.mend();
  await finding;
  expect(await far.staleFor("found", 2)).toBeLessThan(FOLLOW_MS);
  expect(await far.cached("found")).toBe(2);
  await far.live();
  // It stores what is about to be old.
  await one.write("placed");
  const hold = far.holdLoad();
  const placing = far.version("placed");
  await hold.hasRead;
  wire.muteAnswers();
  hold.letGo();
  await placing;
  await expect.poll(() => stored("placed"), WAIT).toContain('"version":1');
  await one.write("placed");
  await expect.poll(() => wire.held("thing:placed"), WAIT).toBe(2);
  wire.mend();
  expect(await far.staleFor("placed", 2)).toBeLessThan(FOLLOW_MS);
  expect(await far.cached("placed")).toBe(2);
  await far.stop();
  await wire.stop();
});

test("a cache that was opened while a commit was under way learns of it too", async () => {
  await one.write("watched");
  const commit = await holdCommit(database.db, "watched");
  const writing = one.write("watched");
  await commitsWaiting(database.db);
  const young = await things();
  expect(await young.version("watched")).toBe(1);
  await commit();
  await writing;
  expect(await young.staleFor("watched", 2)).toBeLessThan(FOLLOW_MS);
  await expect.poll(() => young.cached("watched"), WAIT).toBe(2);
});
