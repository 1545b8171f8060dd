// What is counted is what was logged, whatever happens between. Against the real engine.
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { packRows, storeBatch } from "../../../../agents/contract.ts";
import { createLogger } from "../../../../platform/log.ts";
import { createTestClickHouse, type TestClickHouse } from "../../../database/test-clickhouse.ts";
import { isReconciled, reconcile } from "./reconcile.ts";
import { batchAt, differences, storedRows, type TestBatch } from "./test-counted.ts";

const HOUR_MS = 3600 * 1000;
const log = createLogger({ role: "test", level: "silent" });
const signal = AbortSignal.timeout(300_000);

let server: TestClickHouse;
beforeAll(async () => {
  server = await createTestClickHouse();
});
afterAll(() => server.stop());

const command = (query: string) => server.clickhouse.command({ query, clickhouse_settings: { mutations_sync: "2" } });

afterEach(async () => {
  for (const table of ["access_log", "traffic_minute", "traffic_hour", "traffic_day", "top_day", "top_account_day"]) {
    await command(`TRUNCATE TABLE ${table}`);
  }
  for (const table of ["doubtful_hour", "reconciled"]) await command(`TRUNCATE TABLE ${table}`);
});

/** In one hour of yesterday and in one of the day before, so that a batch is stored in two steps. */
function times(count: number): Date[] {
  const midnight = Math.floor(Date.now() / (24 * HOUR_MS)) * 24 * HOUR_MS;
  const at = (index: number) => midnight - (index % 2) * 24 * HOUR_MS - (index % 500) * 7_000 - 1;
  return Array.from({ length: count }, (_, index) => new Date(at(index)));
}

const send = ({ batch, rows }: TestBatch, { isRetry = false } = {}) =>
  storeBatch(server.clickhouse, { batch, rows: [packRows(rows)], isRetry });

/** As an agent does, which never gives up. */
async function sendUntilStored(sent: TestBatch): Promise<void> {
  for (let isRetry = false; ; isRetry = true) {
    try {
      return await send(sent, { isRetry });
    } catch {
      await wait(50);
    }
  }
}

const look = () => reconcile({ clickhouse: server.clickhouse, log, settleMs: 0 }, signal);
const ever = { from: new Date(0), to: new Date(Date.now() + 24 * HOUR_MS) };
const isDone = () => isReconciled({ clickhouse: server.clickhouse }, ever, signal);

/** How often it takes at most: hours, then days, then what is heaviest in them, and once more to see that all is well. */
const LOOKS_MAX = 6;

async function lookUntilDone(): Promise<void> {
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    await look();
    if ((await isDone()) && (await differences(server.clickhouse)).length === 0) return;
  }
  throw new Error("never reconciled");
}

async function expectCounted(lines: number): Promise<void> {
  expect(await storedRows(server.clickhouse)).toEqual({ rows: lines, lines });
  expect(await differences(server.clickhouse)).toEqual([]);
}

test("what is stored is counted, and known to be once it was compared", async () => {
  await send(batchAt(times(500)));
  await expectCounted(500);
  expect(await isDone()).toBe(false);
  await look();
  expect(await isDone()).toBe(true);
  await send(batchAt(times(1)));
  expect(await isDone()).toBe(false);
});

test("while a table refuses rows, lines are stored once, and counted in all tables afterwards", async () => {
  await send(batchAt(times(100)));
  const tables = ["traffic_minute", "traffic_hour", "traffic_day", "top_day", "top_account_day"];
  for (const table of tables) {
    await command(`ALTER TABLE ${table} ADD CONSTRAINT refused CHECK 0`);
    const batch = batchAt(times(20));
    await expect(send(batch)).rejects.toThrow(/refused/);
    await command(`ALTER TABLE ${table} DROP CONSTRAINT refused`);
    await send(batch, { isRetry: true });
  }
  await lookUntilDone();
  await expectCounted(100 + 20 * tables.length);
});

test("what a view counted of lines that were lost, and came again, is counted once", async () => {
  const batch = batchAt(times(100));
  await send(batch);
  await command("ALTER TABLE access_log DELETE WHERE batch_line <= 60");
  await send(batch, { isRetry: true });
  await lookUntilDone();
  await expectCounted(100);
});

test("what was counted of lines that are nowhere is taken away", async () => {
  await send(batchAt(times(100)));
  await command("ALTER TABLE access_log DELETE WHERE batch_line % 2 = 0");
  await lookUntilDone();
  await expectCounted(50);
});

test("counts that went to another minute of their hour are put right when their lines come again", async () => {
  const batch = batchAt(times(30), { weight: 1 });
  await send(batch);
  await command(
    "ALTER TABLE traffic_minute UPDATE requests = requests + 1 WHERE distribution_id = (SELECT max(distribution_id) FROM access_log)",
  );
  await send(batch, { isRetry: true });
  await lookUntilDone();
  await expectCounted(30);
});

test("a day whose hours were compared, and it itself not since, is not known to be right", async () => {
  await send(batchAt(times(20)));
  await lookUntilDone();
  await send(batchAt(times(20)));
  await command("INSERT INTO reconciled SELECT 'hour', time, now64(3) FROM reconciled WHERE span = 'hour'");
  expect(await isDone()).toBe(false);
  await lookUntilDone();
  expect(await isDone()).toBe(true);
});

test("lines of many hours that are sent again keep nobody waiting: the newest are compared, the oldest, and what nobody doubts", async () => {
  const daysBefore = (days: number) => times(100).map((time) => new Date(time.getTime() - days * 24 * HOUR_MS));
  const sent = batchAt([...times(100), ...daysBefore(2)]);
  await send(sent);
  await send(sent, { isRetry: true });
  await send(batchAt(daysBefore(4).filter((_, index) => index % 2 === 0)));
  await send(batchAt(daysBefore(6).filter((_, index) => index % 2 === 0)), { isRetry: true });
  const midnight = Math.floor(Date.now() / (24 * HOUR_MS)) * 24 * HOUR_MS;
  const isDayDone = (daysAgo: number) => {
    const from = new Date(midnight - daysAgo * 24 * HOUR_MS);
    return isReconciled(
      { clickhouse: server.clickhouse },
      { from, to: new Date(from.getTime() + 24 * HOUR_MS) },
      signal,
    );
  };
  const lookAtOne = () => reconcile({ clickhouse: server.clickhouse, log, settleMs: 0, doubtfulHoursMax: 1 }, signal);
  const areDone = () => Promise.all([1, 2, 3, 4, 5, 7].map(isDayDone));
  await lookAtOne();
  expect(await areDone()).toEqual([true, false, false, false, true, true]);
  await lookAtOne();
  expect(await areDone()).toEqual([true, true, false, true, true, true]);
  await lookAtOne();
  expect(await areDone()).toEqual([true, true, true, true, true, true]);
  await expectCounted(300);
});

test("several who compare at once put right what one would", async () => {
  const batch = batchAt(times(300));
  await command("ALTER TABLE traffic_hour ADD CONSTRAINT refused CHECK 0");
  await expect(send(batch)).rejects.toThrow(/refused/);
  await command("ALTER TABLE traffic_hour DROP CONSTRAINT refused");
  await send(batch, { isRetry: true });
  await Promise.all([look(), look(), look()]);
  await lookUntilDone();
  await expectCounted(300);
});

test("lines that come in while it is put right are counted once", async () => {
  const batches = Array.from({ length: 6 }, () => batchAt(times(60)));
  await send(batchAt(times(10)));
  await command("ALTER TABLE traffic_hour DELETE WHERE 1");
  await Promise.all([...batches.map((batch) => send(batch)), look(), look()]);
  await lookUntilDone();
  await expectCounted(370);
});

test("an hour that may still get lines is left until it is quiet", async () => {
  await send(batchAt(times(10)));
  await command("TRUNCATE TABLE traffic_minute");
  await reconcile({ clickhouse: server.clickhouse, log, settleMs: HOUR_MS }, signal);
  expect(await differences(server.clickhouse)).not.toEqual([]);
  await lookUntilDone();
  await expectCounted(10);
});

test("the same batch by two at once, past ClickHouse's window, is counted once", async () => {
  await command("ALTER TABLE access_log MODIFY SETTING non_replicated_deduplication_window = 1");
  await command("ALTER TABLE traffic_day ADD CONSTRAINT refused CHECK 0");
  const batch = batchAt(times(200));
  await expect(send(batch)).rejects.toThrow(/refused/);
  await command("ALTER TABLE traffic_day DROP CONSTRAINT refused");
  for (let other = 0; other < 2; other += 1) await send(batchAt(times(5)));
  await Promise.all([send(batch, { isRetry: true }), send(batch, { isRetry: true })]);
  await command("ALTER TABLE access_log MODIFY SETTING non_replicated_deduplication_window = 10000");
  await lookUntilDone();
  await expectCounted(210);
});

test("ClickHouse killed in inserts and in comparisons: every line is counted once", async () => {
  const batches: TestBatch[] = [];
  for (const delayMs of [10, 30, 80]) {
    const sent = [batchAt(times(400)), batchAt(times(400))];
    batches.push(...sent);
    const sending = Promise.all(sent.map(sendUntilStored));
    const looking = look().catch(() => undefined);
    await wait(delayMs);
    server.kill();
    await Promise.all([sending, looking]);
  }
  await lookUntilDone();
  await expectCounted(batches.length * 400);
}, 90_000);
