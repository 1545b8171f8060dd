import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { createTestLink } from "../cache/test-link.ts";
import { connectDatabase } from "./connection.ts";
import { outageOf } from "./outage.ts";
import { createTestDatabase } from "./test-database.ts";

// A port where nothing listens: port 1 is never given to anybody.
const NOWHERE = "127.0.0.1:1";

async function failureOf(work: PromiseLike<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

test("a database that nobody serves is an outage of the database", async () => {
  const { db, part } = connectDatabase(`postgres://u:p@${NOWHERE}/d`, { poolMax: 1, applicationName: "test" });
  expect(outageOf(await failureOf(db.raw("select 1")))).toBe("database");
  await part.stop();
});

test("a connection that breaks in a statement, and before the next one of its transaction, is an outage of the database", async () => {
  const database = await createTestDatabase();
  const link = await createTestLink(database.url);
  const { db, part } = connectDatabase(link.url, { poolMax: 2, applicationName: "test" });
  const reading = failureOf(db.raw("select pg_sleep(10)"));
  const writing = failureOf(
    db.transaction(async (tx) => {
      await tx.raw("select 1");
      link.cut();
      await reading;
      await tx.raw("select 2");
    }),
  );
  expect(outageOf(await reading)).toBe("database");
  expect(outageOf(await writing)).toBe("database");
  await part.stop();
  await link.stop();
  await database.stop();
});

test("a Redis that nobody serves is an outage of Redis, however the connection is set up", async () => {
  for (const options of [{ maxRetriesPerRequest: 1 }, { enableOfflineQueue: false }]) {
    const redis = new Redis(`redis://${NOWHERE}`, options);
    redis.on("error", () => {});
    expect(outageOf(await failureOf(redis.ping()))).toBe("redis");
    redis.disconnect();
  }
});

test.each([
  ["57P03", "starting up"],
  ["57P01", "shut down by its administrator"],
  ["53300", "out of connections"],
  ["08006", "cut off"],
])("SQLSTATE %s: the database is %s", (code) => {
  expect(outageOf(Object.assign(new Error("from Postgres"), { code }))).toBe("database");
  // As Objection hands it on.
  expect(outageOf(Object.assign(new Error("wrapped"), { nativeError: Object.assign(new Error(), { code }) }))).toBe(
    "database",
  );
});

test("a connection that failed at every address of a name is found inside", () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED ::1:5432"), { code: "ECONNREFUSED" });
  expect(outageOf(new Error("while reading", { cause: new AggregateError([refused], "") }))).toBe("database");
});

test.each([
  ["a violated constraint", Object.assign(new Error("duplicate key"), { code: "23505" })],
  ["a programming error", new TypeError("x is not a function")],
  ["something that is no error", "oops"],
  ["nothing", undefined],
])("%s is no outage", (_name, error) => {
  expect(outageOf(error)).toBeUndefined();
});

test("an error that is its own cause ends", () => {
  const error = new Error("round");
  error.cause = error;
  expect(outageOf(error)).toBeUndefined();
});
