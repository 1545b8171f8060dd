// Two processes are two key sets with a pool each: they share the database alone. key-rotation.test.ts of the commands has real ones.
import { randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLogger } from "../../../platform/log.ts";
import { createSeal } from "../../../platform/seal.ts";
import { connectDatabase } from "../../database/connection.ts";
import { createTestDatabase, type TestDatabase } from "../../database/test-database.ts";
import type { Database } from "../../database/transaction.ts";
import { signingKeyHandlers, signingKeySchedules } from "./signing-key-jobs.ts";
import { createSigningKeys, rotateSigningKeys } from "./signing-keys.ts";
import { createTokens } from "./token.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const EVERY_MS = 30 * DAY_MS;
const start = new Date("2026-03-01T12:00:00Z");
const seal = createSeal(Buffer.alloc(32, 0x0f));
const log = createLogger({ role: "test", level: "silent" });
const userId = randomUUID();

let database: TestDatabase;
let now: Date;
const clock = () => now;
const pools: Database[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
  now = start;
});
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.destroy();
  await database.stop();
});

/** A process of its own; `readings` counts how often it has asked for the key set. */
function startProcess() {
  const { db } = connectDatabase(database.url, { poolMax: 2, applicationName: "test" });
  pools.push(db);
  let readings = 0;
  db.on("query", ({ sql }: { sql: string }) => {
    if (sql.includes('from "signing_key"')) readings += 1;
  });
  const tokens = createTokens({ keys: createSigningKeys({ db, seal, clock, log }), clock });
  return { ...tokens, readings: () => readings };
}

const rotate = () => rotateSigningKeys({ db: database.db, seal, clock }, EVERY_MS);
const pass = (ms: number) => {
  now = new Date(now.getTime() + ms);
};
const countKeys = async () => (await database.db("signing_key")).length;

test("processes that issue their first tokens at once make one key, and recognise each other's", async () => {
  const processes = [startProcess(), startProcess(), startProcess()];
  const issued = await Promise.all(processes.map(({ issue }) => issue(userId)));
  expect(await countKeys()).toBe(1);
  for (const { token, sessionId } of issued) {
    for (const { verify } of processes) expect(await verify(token)).toEqual({ userId, sessionId });
  }
});

test("the key lies sealed in its row", async () => {
  await startProcess().issue(userId);
  const [row] = await database.db("signing_key");
  expect(row).toMatchObject({ created_at: start, sealed: { format: 2 } });
  expect(() => seal.open(row.sealed, `signing-key:${randomUUID()}`)).toThrow();
  expect(Buffer.from(seal.open(row.sealed, `signing-key:${row.kid}`), "base64")).toHaveLength(32);
});

test("a token is good for its 24 hours, whatever rotates meanwhile, in the process that issued it and in another", async () => {
  const [a, b] = [startProcess(), startProcess()];
  const issued = await a.issue(userId);
  pass(EVERY_MS - MINUTE_MS);
  const lateToken = await a.issue(userId);
  pass(MINUTE_MS);
  expect(await rotate()).toEqual({ added: 1, deleted: 0 });
  // The moment after, and hour by hour until it ends.
  for (let hour = 0; hour < 24; hour += 1) {
    await rotate();
    for (const { verify } of [a, b]) expect(await verify(lateToken.token)).toMatchObject({ userId });
    const fromA = await a.issue(userId);
    const fromB = await b.issue(userId);
    expect(await b.verify(fromA.token)).toMatchObject({ sessionId: fromA.sessionId });
    expect(await a.verify(fromB.token)).toMatchObject({ sessionId: fromB.sessionId });
    pass(60 * MINUTE_MS - 1);
  }
  pass(MINUTE_MS);
  for (const { verify } of [a, b])
    await expect(verify(lateToken.token)).rejects.toMatchObject({ kind: { status: 401 } });
  await expect(a.verify(issued.token)).rejects.toMatchObject({ kind: { status: 401 } });
});

test("a new key waits until every process knows it, then signs alone; the former one goes when its tokens have ended", async () => {
  const [a, b] = [startProcess(), startProcess()];
  const kidOf = (token: string) => JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()).kid;
  const former = kidOf((await a.issue(userId)).token);
  pass(EVERY_MS);
  await rotate();
  pass(MINUTE_MS + 1);
  for (const { issue } of [a, b]) expect(kidOf((await issue(userId)).token)).toBe(former);
  pass(10 * MINUTE_MS);
  for (const { issue } of [a, b]) expect(kidOf((await issue(userId)).token)).not.toBe(former);
  expect(await rotate()).toEqual({ added: 0, deleted: 0 });
  pass(DAY_MS + 60 * MINUTE_MS);
  expect(await rotate()).toEqual({ added: 0, deleted: 1 });
  expect(await countKeys()).toBe(1);
});

test("the recurring job makes a key when one is due, and none before", async () => {
  const [job] = signingKeyHandlers({ db: database.db, seal, clock, everyDays: 30, log });
  expect(signingKeySchedules.map(({ name }) => name)).toEqual([job?.job.name]);
  const keysAfter = async (ms: number) => {
    pass(ms);
    await job?.run({}, AbortSignal.timeout(10_000));
    return countKeys();
  };
  expect(await keysAfter(0)).toBe(1);
  expect(await keysAfter(EVERY_MS - 1)).toBe(1);
  expect(await keysAfter(1)).toBe(2);
});

test("two workers that rotate at once make one key", async () => {
  await startProcess().issue(userId);
  pass(EVERY_MS);
  const results = await Promise.all([rotate(), rotate(), rotate()]);
  expect(results.reduce((sum, { added }) => sum + added, 0)).toBe(1);
  expect(await countKeys()).toBe(2);
});

test("a key that a process has not seen yet is read on sight", async () => {
  const [a, b] = [startProcess(), startProcess()];
  await expect(b.verify(await aForgedToken())).rejects.toMatchObject({ kind: { status: 401 } });
  const { token } = await a.issue(userId);
  expect(await b.verify(token)).toMatchObject({ userId });
});

test("a flood of made-up key ids asks the database once a second at most, and a good token passes through it", async () => {
  const [a, b] = [startProcess(), startProcess()];
  const { token } = await a.issue(userId);
  const known = await b.issue(userId);
  const before = b.readings();
  const startedAt = performance.now();
  const flood = await Promise.all(Array.from({ length: 500 }, aForgedToken));
  const answers = await Promise.allSettled([...flood.map((forged) => b.verify(forged)), b.verify(known.token)]);
  const more = await Promise.allSettled(flood.map((forged) => b.verify(forged)));
  expect([...answers.slice(0, -1), ...more].every(({ status }) => status === "rejected")).toBe(true);
  expect(answers.at(-1)?.status).toBe("fulfilled");
  expect(await b.verify(token)).toMatchObject({ userId });
  const secondsBegun = Math.ceil((performance.now() - startedAt) / 1000);
  expect(b.readings() - before).toBeLessThanOrEqual(secondsBegun + 1);
});

test("a key id that cannot be one asks nobody", async () => {
  const a = startProcess();
  await a.issue(userId);
  const before = a.readings();
  for (const kid of ["1", "", "x".repeat(5_000), null]) {
    await expect(a.verify(await aForgedToken(kid))).rejects.toMatchObject({ kind: { status: 401 } });
  }
  expect(a.readings()).toBe(before);
});

test("while the database is away, what is known stays known", async () => {
  const a = startProcess();
  const { token } = await a.issue(userId);
  pass(2 * MINUTE_MS);
  await pools[0]?.destroy();
  expect(await a.verify(token)).toMatchObject({ userId });
  // A key id that nobody knows cannot be told from a new one now: this is no 401.
  await expect(a.verify(await aForgedToken())).rejects.not.toHaveProperty("kind");
});

test("when the keys are taken away, sessions end within a minute and new ones begin", async () => {
  const [a, b] = [startProcess(), startProcess()];
  const { token } = await a.issue(userId);
  await database.db("signing_key").delete();
  pass(MINUTE_MS + 1);
  for (const { verify } of [a, b]) await expect(verify(token)).rejects.toMatchObject({ kind: { status: 401 } });
  expect(await b.verify((await a.issue(userId)).token)).toMatchObject({ userId });
});

function aForgedToken(kid: unknown = randomUUID()): Promise<string> {
  const header = { alg: "HS256", ...(typeof kid === "string" ? { kid } : {}) };
  return new SignJWT({ sub: userId, aud: "edgewright", jti: randomUUID() })
    .setProtectedHeader(header)
    .setExpirationTime("24h")
    .sign(new Uint8Array(32).fill(1));
}
