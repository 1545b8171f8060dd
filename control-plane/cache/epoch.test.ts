// The epoch as one process knows it, from a real Postgres.
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLogger } from "../../platform/log.ts";
import { createTestDatabase, type TestDatabase } from "../database/test-database.ts";
import { inTransaction } from "../database/transaction.ts";
import { type EpochWatch, raiseEpoch, watchEpoch } from "./epoch.ts";
import { createTestLink, type TestLink } from "./test-link.ts";
import { WAIT } from "./test-things.ts";

const log = createLogger({ role: "test", level: "silent" });

let database: TestDatabase;
let wire: TestLink;
let watch: EpochWatch;
/** Every epoch that was believed, and `undefined` where none was known. */
let known: (number | undefined)[];
/** When Postgres had been asked for the last of them. */
let provenAt: number;

beforeEach(async () => {
  database = await createTestDatabase();
  wire = await createTestLink(database.url);
  known = [];
  watch = watchEpoch({ databaseUrl: wire.url, log, onChange: note });
  await expect.poll(current, WAIT).toBeDefined();
});
afterEach(async () => {
  await watch.stop();
  await wire.stop();
  await database.stop();
});

function note(): void {
  known.push(current());
  provenAt = watch.provenAt();
}

function current(): number | undefined {
  const epoch = watch.epoch();
  return epoch === undefined ? undefined : Number(epoch.split("/").at(-1));
}

async function stored(): Promise<number> {
  return (await database.db("cache_epoch").first()).epoch;
}

test("a raised epoch is heard when it is committed, and not before", async () => {
  const first = await stored();
  await inTransaction(database.db, async (tx) => {
    await raiseEpoch(tx);
    await raiseEpoch(tx);
    expect(current()).toBe(first);
  });
  await expect.poll(current, WAIT).toBe(first + 2);
  await expect(
    inTransaction(database.db, (tx) => raiseEpoch(tx).then(() => Promise.reject(new Error("no")))),
  ).rejects.toThrow();
  await raiseEpoch(database.db);
  await expect.poll(current, WAIT).toBe(first + 3);
});

test("word of an earlier epoch that comes late is not believed", async () => {
  const first = await stored();
  await raiseEpoch(database.db);
  await database.db.raw("select pg_notify('edgewright_cache_epoch', ?)", [String(first)]);
  await raiseEpoch(database.db);
  await expect.poll(current, WAIT).toBe(first + 2);
  expect(known).toEqual([first, first + 1, first + 2]);
});

test("a doubt is not settled by what was asked before it", async () => {
  const first = await stored();
  // Postgres answers, and the answer is under way when somebody raises the epoch and says so.
  wire.muteAnswers();
  const asked = await timesAsked();
  watch.doubt();
  await expect.poll(timesAsked, WAIT).toBeGreaterThan(asked);
  await raiseEpoch(database.db);
  const doubtedAt = performance.now();
  watch.doubt();
  wire.mend();
  await expect.poll(current, WAIT).toBe(first + 1);
  expect(known).toEqual([first, undefined, first + 1]);
  expect(provenAt).toBeGreaterThan(doubtedAt);
});

/** Counts, by the time of the last one, the questions that Postgres has answered. */
async function timesAsked(): Promise<number> {
  const { rows } = await database.db.raw(
    `select extract(epoch from state_change) as at from pg_stat_activity
     where application_name = 'cache epoch' and state = 'idle' and query = 'select epoch from cache_epoch'
       and datname = current_database()`,
  );
  return Number(rows[0]?.at ?? 0);
}
