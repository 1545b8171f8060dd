// Every access-log line is stored once, whatever happens between an edge and ClickHouse. Against the real engine.
import { randomUUID } from "node:crypto";
import { PassThrough } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { batchOf, line as lineOf } from "../../../../agents/access-log/test-lines.ts";
import { ACCESS_LOG_KEPT_DAYS, batchNumberOf, saltFromKey } from "../../../../agents/contract.ts";
import { createLogger } from "../../../../platform/log.ts";
import { Problem } from "../../../../platform/problem.ts";
import { createTestClickHouse, type TestClickHouse } from "../../../database/test-clickhouse.ts";
import { createTestDatabase, type TestDatabase } from "../../../database/test-database.ts";
import { dependencyAway } from "../../../http/problems.ts";
import { createTestServices, inputFor, insertPerson } from "../../distribution/test-customer.ts";
import { type AccessLogService, createAccessLogService } from "./access-log-service.ts";
import { carry, insertSamplingGroup } from "./test-carried.ts";

const edgeId = randomUUID();
const DAY_S = 24 * 3600;
const RETRY_PAUSE_MS = 50;
/** Time that the control plane's clock says has passed. */
let passedMs = 0;

let server: TestClickHouse;
let accessLog: AccessLogService;
let database: TestDatabase;
let scope: string;
let mine: { account: string; distribution: string };
const logged = new PassThrough();

beforeAll(async () => {
  [database, server] = await Promise.all([createTestDatabase(), createTestClickHouse()]);
  const owner = await insertPerson(database.db, "owner");
  const { record } = await createTestServices(database.db).distributions.create(owner, inputFor("www.example.com"));
  mine = { account: owner.accountId, distribution: record.id };
  scope = await insertSamplingGroup(database.db);
  await carry(database.db, scope, [record.id]);
  accessLog = createAccessLogService({
    db: database.db,
    clickhouse: server.clickhouse,
    clock: () => new Date(Date.now() + passedMs),
    hashKey: async () => Buffer.alloc(32, 9),
    log: createLogger({ role: "test", level: "warn", destination: logged }),
  });
});
afterAll(async () => {
  await server.stop();
  await database.stop();
});

const line: typeof lineOf = (changes) => lineOf({ ...mine, ...changes });

type Batch = ReturnType<typeof batchOf>;

const patient = new AbortController().signal;

function send(batch: Batch, { isRetry = false, from = edgeId, signal = patient } = {}): Promise<void> {
  return accessLog.storeBatch({ ...batch, edgeId: from, scope, isRetry }, signal);
}

/** As the agent does: the same bytes until they are acknowledged. */
async function sendUntilStored(batch: Batch): Promise<void> {
  for (let isRetry = false; ; isRetry = true) {
    try {
      return await send(batch, { isRetry });
    } catch (error) {
      if (!(error instanceof Problem) || error.kind !== dependencyAway) throw error;
      await wait(RETRY_PAUSE_MS);
    }
  }
}

const countsSchema = z.tuple([z.object({ rows: z.coerce.number(), lines: z.coerce.number() })]);

async function stored(batch: Batch): Promise<{ rows: number; lines: number }> {
  const answer = await server.clickhouse.query({
    query: "SELECT count() AS rows, uniqExact(batch_line) AS lines FROM access_log WHERE batch_id = {id:UInt64}",
    query_params: { id: batchNumberOf(batch.id) },
    format: "JSONEachRow",
  });
  return countsSchema.parse(await answer.json())[0];
}

/** Lines of three days, so that ClickHouse stores the batch in three steps. */
function lines(count: number): Batch {
  const now = Math.floor(Date.now() / 1000);
  return batchOf(Array.from({ length: count }, (_, index) => line({ time: `${now - (index % 3) * 30 * DAY_S}.000` })));
}

const command = (query: string) => server.clickhouse.command({ query, clickhouse_settings: { mutations_sync: "1" } });

test("a batch that is sent twice is stored once", async () => {
  const batch = lines(50);
  await send(batch);
  await send(batch);
  await send(batch, { isRetry: true });
  expect(await stored(batch)).toEqual({ rows: 50, lines: 50 });
});

test("a batch that is sent by several at once is stored once", async () => {
  const batch = lines(2_000);
  await Promise.all([send(batch), send(batch), send(batch, { isRetry: true }), send(batch, { isRetry: true })]);
  expect(await stored(batch)).toEqual({ rows: 2_000, lines: 2_000 });
});

test("two batches with the same lines are two batches", async () => {
  const request_id = "5a".repeat(16);
  const [first, second] = [batchOf([line({ request_id })]), batchOf([line({ request_id })])];
  await send(first);
  await send(second);
  expect(await stored(first)).toEqual({ rows: 1, lines: 1 });
  expect(await stored(second)).toEqual({ rows: 1, lines: 1 });
});

test("one edge cannot make another's batch look like one that was sent", async () => {
  const batch = lines(5);
  await send(batch, { from: randomUUID() });
  await send(batch, { isRetry: true });
  expect(await stored(batch)).toEqual({ rows: 10, lines: 5 });
});

test("a batch of which one day was lost gets exactly that day back", async () => {
  const batch = lines(30);
  await send(batch);
  const day = new Date(Date.now() - 30 * DAY_S * 1000).toISOString().slice(0, 10).replaceAll("-", "");
  await command(`ALTER TABLE access_log DROP PARTITION ${day}`);
  expect((await stored(batch)).rows).toBe(20);
  await send(batch, { isRetry: true });
  expect(await stored(batch)).toEqual({ rows: 30, lines: 30 });
});

test("a batch whose token ClickHouse recorded without its rows is stored by the retry", async () => {
  const batch = lines(10);
  await send(batch);
  await command(`ALTER TABLE access_log DELETE WHERE batch_id = ${batchNumberOf(batch.id)}`);
  await send(batch);
  expect((await stored(batch)).rows).toBe(0);
  await send(batch, { isRetry: true });
  await send(batch, { isRetry: true });
  expect(await stored(batch)).toEqual({ rows: 10, lines: 10 });
});

test("beyond ClickHouse's window a retry is recognised by its lines", async () => {
  await command("ALTER TABLE access_log MODIFY SETTING non_replicated_deduplication_window = 2");
  const batch = lines(20);
  await send(batch);
  for (let other = 0; other < 3; other += 1) await send(lines(3));
  await send(batch, { isRetry: true });
  expect(await stored(batch)).toEqual({ rows: 20, lines: 20 });
  await send(batch);
  expect((await stored(batch)).rows).toBe(40);
  await command("ALTER TABLE access_log MODIFY SETTING non_replicated_deduplication_window = 10000");
});

test("lines from a clock that is ahead are stored once, though each sending arrives at another time", async () => {
  const batch = batchOf([line({ time: (Date.now() / 1000 + 3_600).toFixed(3) }), line()]);
  await send(batch);
  await send(batch, { isRetry: true });
  expect(await stored(batch)).toEqual({ rows: 2, lines: 2 });
});

test("a line that is from the future at the first sending, and no longer at the second, is stored once", async () => {
  const batch = batchOf([line({ time: (Date.now() / 1000 + 6 * 60).toFixed(3) })]);
  await send(batch);
  passedMs = 2 * 60 * 1000;
  await send(batch, { isRetry: true });
  passedMs = 0;
  expect(await stored(batch)).toEqual({ rows: 1, lines: 1 });
});

test("a distribution that is deleted between two tries keeps its lines, once", async () => {
  const batch = lines(10);
  await send(batch);
  await database
    .db("distribution")
    .where({ id: mine.distribution })
    .update({ status: "deleted", deleted_at: new Date() });
  await database.db("deployment").where({ distribution_id: mine.distribution }).update({ state: "removed", rev: 2 });
  const again = lines(3);
  await send(again);
  await send(batch, { isRetry: true });
  expect([await stored(batch), await stored(again)]).toEqual([
    { rows: 10, lines: 10 },
    { rows: 3, lines: 3 },
  ]);
});

test("faulty lines are logged and cost nothing but themselves", async () => {
  const batch = batchOf([line(), "{torn", line()]);
  await send(batch);
  expect(await stored(batch)).toEqual({ rows: 2, lines: 2 });
  const [warning] = String(logged.read()).trim().split("\n").slice(-1);
  expect(JSON.parse(warning ?? "")).toMatchObject({ faulty: 1, first: "line 2: is not JSON", batch_id: batch.id });
});

test("whatever stands in a line is stored as it was, one by one and after a retry", async () => {
  const paths = ["/tab\t", "/line\n\r\n", "/back\\slash\\N", "\\N", "/'\"quotes\u0000", "/€😀", ""];
  const batch = batchOf(paths.map((path) => line({ path })));
  await send(batch);
  await command("ALTER TABLE access_log DELETE WHERE path LIKE '/line%' OR path = '/€😀'");
  await send(batch, { isRetry: true });
  const answer = await server.clickhouse.query({
    query: "SELECT path FROM access_log WHERE batch_id = {id:UInt64} ORDER BY batch_line",
    query_params: { id: batchNumberOf(batch.id) },
    format: "JSONCompactEachRow",
  });
  expect(await answer.json()).toEqual(paths.map((path) => [path]));
});

test("the clock of an edge that knows no better than 1970 costs neither its line nor the others", async () => {
  const times = ["0", "5", "1234.5", "99999999.999", (Date.now() / 1000).toFixed(3)];
  const batch = batchOf(times.map((time) => line({ time })));
  await send(batch);
  const answer = await server.clickhouse.query({
    query: `SELECT toUnixTimestamp64Milli(edge_time) / 1000, abs(dateDiff('second', time, received_at)) < 10
      FROM access_log WHERE batch_id = {id:UInt64} ORDER BY batch_line`,
    query_params: { id: batchNumberOf(batch.id) },
    format: "JSONCompactEachRow",
  });
  expect(await answer.json()).toEqual(times.map((time) => [Number(time), 1]));
});

test("an edge that makes visitors nameless itself does it with the salts that the platform has", async () => {
  const today = new Date().toISOString().slice(0, 10);
  const salts = await accessLog.listSalts(undefined);
  expect(salts).toHaveLength(9);
  expect(salts.find(({ day }) => day === today)).toEqual({
    day: today,
    salt: saltFromKey(Buffer.alloc(32, 9), today).toString("base64"),
  });
  // Lines of older days would not be kept.
  expect(await accessLog.listSalts("2001-01-01")).toHaveLength(ACCESS_LOG_KEPT_DAYS + 9);
});

test("hostile text is stored as it is, and never as the name of a host", async () => {
  const texts = ["\u0000\u0001\u001f", "\\N", "'; DROP TABLE access_log; --", "\t\r\n", "🦊\u2028", '{}[]",:'];
  const batch = batchOf(texts.map((text) => line({ path: text, query: text, host: text, referrer_host: text })));
  await send(batch);
  const answer = await server.clickhouse.query({
    query: "SELECT path, query, host, referrer_host FROM access_log WHERE batch_id = {id:UInt64} ORDER BY batch_line",
    query_params: { id: batchNumberOf(batch.id) },
    format: "JSONEachRow",
  });
  expect(await answer.json()).toEqual(texts.map((text) => ({ path: text, query: text, host: "", referrer_host: "" })));
});

test("an edge that sends many batches at once keeps no other from sending: those behind its first few come again later", async () => {
  const batches = Array.from({ length: 12 }, () => lines(50));
  const ofAnother = lines(50);
  const sending = [...batches.map((batch) => send(batch)), send(ofAnother, { from: randomUUID() })];
  const outcomes = await Promise.allSettled(sending);
  const refused = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
  expect(refused.every((error) => error instanceof Problem && error.kind === dependencyAway)).toBe(true);
  expect([refused.length, outcomes.at(-1)?.status]).toEqual([8, "fulfilled"]);
  expect(await stored(ofAnother)).toEqual({ rows: 50, lines: 50 });
  for (const batch of batches) await sendUntilStored(batch);
  for (const batch of batches) expect(await stored(batch)).toEqual({ rows: 50, lines: 50 });
});

test("ClickHouse killed in mid-insert and back: every line is there, once", async () => {
  const sent: Batch[] = [];
  let interrupted = 0;
  for (const delayMs of [15, 30, 60]) {
    const batches = [lines(1_500), lines(1_500)];
    sent.push(...batches);
    const sending = Promise.allSettled(batches.map((batch) => send(batch)));
    await wait(delayMs);
    server.kill();
    const outcomes = await sending;
    interrupted += outcomes.filter((outcome) => outcome.status === "rejected").length;
    await Promise.all(
      batches.map(async (batch, index) => {
        if (outcomes[index]?.status === "rejected") await sendUntilStored(batch);
      }),
    );
  }
  expect(interrupted).toBeGreaterThan(0);
  await sendUntilStored(lines(1));
  for (const batch of sent) expect(await stored(batch)).toEqual({ rows: 1_500, lines: 1_500 });
}, 90_000);
