// The way of a job from the transaction that gives cause to it, over real Postgres and Redis, to its handler.
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { Registry } from "prom-client";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { startTestPostgres, startTestRedis, type TestService } from "../../platform/embedded/test-services.ts";
import { type Part, stopInReverse } from "../../platform/lifecycle.ts";
import { createLogger } from "../../platform/log.ts";
import { connectDatabase } from "../database/connection.ts";
import { migrateUp } from "../database/migrate.ts";
import { type Database, inTransaction } from "../database/transaction.ts";
import { unavailable } from "../http/problems.ts";
import { defineJob, handleJob } from "./define-job.ts";
import { listFailedJobs, meterFailedJobs, retryFailedJobs } from "./failed-jobs.ts";
import { enqueueJob } from "./outbox.ts";
import { startRelay } from "./relay.ts";
import { every, startScheduler } from "./schedule.ts";
import { startWorker } from "./worker.ts";

const log = createLogger({ role: "test", level: "silent" });
const counted = defineJob({ name: "test.counted", payload: z.object({ n: z.int() }) });
const WAIT = { timeout: 15_000, interval: 20 };

// Servers of this file's own: they are killed.
let postgres: TestService;
let redis: TestService;
let db: Database;
let databasePool: Part;
let parts: Part[] = [];

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startTestPostgres(), startTestRedis()]);
  await commitDurably(postgres.url);
  await migrateUp(postgres.url);
  ({ db, part: databasePool } = connectDatabase(postgres.url, { poolMax: 5, applicationName: "test" }));
});
afterAll(async () => {
  await databasePool.stop();
  await Promise.all([postgres.stop(), redis.stop()]);
});
beforeEach(async () => {
  await db("outbox").delete();
  await onRedis((client) => client.flushall());
});
afterEach(async () => {
  await stopInReverse(parts);
  parts = [];
});

function relay(): void {
  parts.push(startRelay({ databaseUrl: postgres.url, redisUrl: redis.url, log }));
}

function work(handlers: ReturnType<typeof handleJob>[], concurrency = 4): void {
  parts.push(startWorker({ db, redisUrl: redis.url, handlers, concurrency, log }));
}

/** A handler that tells what it was given. */
function recorder(job = counted): { seen: number[]; runs: EventEmitter; handler: ReturnType<typeof handleJob> } {
  const seen: number[] = [];
  const runs = new EventEmitter();
  const handler = handleJob(job, async ({ n }) => {
    seen.push(n);
    runs.emit("run", n, performance.now());
  });
  return { seen, runs, handler };
}

function enqueue(n: number, job = counted): Promise<void> {
  return inTransaction(db, (tx) => enqueueJob(tx, job, { n }));
}

async function countRows(): Promise<number> {
  return (await db("outbox").select("id")).length;
}

test("a committed job is done in order and its row goes; one that was rolled back never was", async () => {
  const { seen, handler } = recorder();
  relay();
  work([handler], 1);
  for (const n of [1, 2, 3]) await enqueue(n);
  await expect(
    inTransaction(db, async (tx) => {
      await enqueueJob(tx, counted, { n: 99 });
      throw new Error("changed our mind");
    }),
  ).rejects.toThrow("changed our mind");
  await enqueue(4);
  await vi.waitFor(async () => expect(await countRows()).toBe(0), WAIT);
  expect(seen).toEqual([1, 2, 3, 4]);
});

test("from commit to handler it takes milliseconds, not a poll", async () => {
  const { runs, handler } = recorder();
  relay();
  work([handler]);
  const latencies: number[] = [];
  for (let n = 0; n < 40; n += 1) {
    const run = once(runs, "run");
    await enqueue(n);
    const committedAt = performance.now();
    const [, startedAt] = await run;
    latencies.push(startedAt - committedAt);
  }
  const sorted = latencies.slice(5).sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  // 1.6 ms where this was written; a poll would take 500.
  expect(median).toBeLessThan(100);
});

test("two relays carry many jobs, each once", async () => {
  const { seen, handler } = recorder();
  await inTransaction(db, async (tx) => {
    for (let n = 0; n < 500; n += 1) await enqueueJob(tx, counted, { n });
  });
  relay();
  relay();
  work([handler], 16);
  await vi.waitFor(async () => expect(await countRows()).toBe(0), WAIT);
  expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, n) => n));
});

test("a job that fails is tried again; after its last attempt its row says why and stays", async () => {
  let attempts = 0;
  const shaky = defineJob({ name: "test.shaky", payload: z.object({ n: z.int() }), attempts: 3 });
  relay();
  work([
    handleJob(shaky, async ({ n }) => {
      attempts += 1;
      if (n === 1 && attempts < 3) throw new Error("not yet");
      if (n === 2) throw new Error("never");
    }),
  ]);
  await enqueue(1, shaky);
  await vi.waitFor(async () => expect(await countRows()).toBe(0), WAIT);
  expect(attempts).toBe(3);
  await enqueue(2, shaky);
  await vi.waitFor(async () => {
    expect(await db("outbox").first("failure", "failed_at")).toMatchObject({
      failure: "Error: never",
      failed_at: expect.any(Date),
    });
  }, WAIT);
  expect(attempts).toBe(6);
});

test("what failed for good is counted, listed without its payload, and done once it is tried again", async () => {
  let isMended = false;
  const broken = defineJob({ name: "test.broken", payload: z.object({ n: z.int() }), attempts: 1 });
  const registry = new Registry();
  let now = Date.now();
  meterFailedJobs(registry, db, () => new Date(now));
  const countedAfter = (ms: number) => {
    now += ms;
    return registry.metrics();
  };
  relay();
  work([
    handleJob(broken, async () => {
      if (!isMended) throw new Error("the cause");
    }),
  ]);
  await enqueue(1, broken);
  await vi.waitFor(async () => expect(await countedAfter(5_000)).toContain("edgewright_outbox_failed 1"), WAIT);
  const [failed] = await listFailedJobs(db);
  expect(failed).toMatchObject({ job: "test.broken", failure: "Error: the cause" });
  expect(failed).not.toHaveProperty("payload");
  isMended = true;
  expect(await inTransaction(db, retryFailedJobs)).toBe(1);
  await vi.waitFor(async () => expect(await countRows()).toBe(0), WAIT);
  expect(await countedAfter(4_999)).toContain("edgewright_outbox_failed 1");
  const asked: unknown[] = [];
  const listen = (query: { sql: string }) => asked.push(...(/failed_at.* is not null/.test(query.sql) ? [query] : []));
  db.on("query", listen);
  for (const metrics of await Promise.all([countedAfter(1), registry.metrics(), registry.metrics()])) {
    expect(metrics).toContain("edgewright_outbox_failed 0");
  }
  db.off("query", listen);
  expect(asked).toHaveLength(1);
});

test("while a service is away a job fails as often as it takes, and is done in the end", async () => {
  let attempts = 0;
  const patient = defineJob({ name: "test.patient", payload: z.object({ n: z.int() }), attempts: 1 });
  relay();
  work([
    handleJob(patient, async () => {
      attempts += 1;
      if (attempts < 4) throw unavailable("object storage");
    }),
  ]);
  await enqueue(1, patient);
  await vi.waitFor(async () => expect(await countRows()).toBe(0), WAIT);
  expect(attempts).toBe(4);
});

test("a worker that stops lets its running job end, and takes no other", async () => {
  const running = new EventEmitter();
  const seen: number[] = [];
  relay();
  const worker = startWorker({
    db,
    redisUrl: redis.url,
    concurrency: 1,
    log,
    handlers: [
      handleJob(counted, async ({ n }) => {
        running.emit("begun");
        await once(running, "end");
        seen.push(n);
      }),
    ],
  });
  const begun = once(running, "begun");
  await enqueue(1);
  await enqueue(2);
  await begun;
  const stopped = worker.stop();
  running.emit("end");
  await stopped;
  expect(seen).toEqual([1]);
  expect(await countRows()).toBe(1);
});

test("Redis killed, and its memory with it: jobs relayed but not done are done", async () => {
  const { seen, handler } = recorder();
  relay();
  // No worker yet: both jobs lie in Redis when it dies.
  await enqueue(1);
  await enqueue(2);
  await vi.waitFor(async () => expect(await db("outbox").whereNull("relayed_at").first()).toBeUndefined(), WAIT);
  work([handler]);
  await killRedis();
  await enqueue(3);
  await vi.waitFor(async () => expect(await countRows()).toBe(0), WAIT);
  expect([...new Set(seen)].sort()).toEqual([1, 2, 3]);
});

test("Postgres killed: relay and worker wait for it and go on by themselves", async () => {
  const { seen, handler } = recorder();
  relay();
  work([handler]);
  await enqueue(1);
  await vi.waitFor(async () => expect(await countRows()).toBe(0), WAIT);
  await killPostgres();
  await vi.waitFor(() => enqueue(2), WAIT);
  await vi.waitFor(async () => expect(await countRows()).toBe(0), WAIT);
  expect(new Set(seen)).toEqual(new Set([1, 2]));
});

test("relay and worker that start while Redis is away take up their work when it comes", async () => {
  const { seen, handler } = recorder();
  await enqueue(1);
  await killRedis();
  relay();
  work([handler]);
  await vi.waitFor(async () => expect(await countRows()).toBe(0), WAIT);
  expect(seen).toEqual([1]);
});

test("relay, worker and scheduler start while Redis is away, and stop while it is", async () => {
  const nowhere = "redis://127.0.0.1:1/0";
  const away = [
    startRelay({ databaseUrl: postgres.url, redisUrl: nowhere, log }),
    startWorker({ db, redisUrl: nowhere, handlers: [], concurrency: 1, log }),
    startScheduler({ redisUrl: nowhere, schedules: [every(1000, counted, { n: 1 })], log }),
  ];
  await enqueue(1);
  const startedAt = performance.now();
  await stopInReverse(away);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  expect(await countRows()).toBe(1);
});

test("a worker process killed in the middle of a job lets go of it, and another does it within ten seconds", async () => {
  const { seen, handler } = recorder();
  relay();
  const script = fileURLToPath(new URL("./stuck-worker.fixture.ts", import.meta.url));
  const stuck = spawn(process.execPath, ["--import", "tsx", script, postgres.url, redis.url, counted.name]);
  await enqueue(7);
  const [line] = await once(stuck.stdout, "data");
  expect(String(line)).toBe("begun 7\n");
  work([handler]);
  const exited = once(stuck, "exit");
  stuck.kill("SIGKILL");
  await exited;
  const killedAt = performance.now();
  await vi.waitFor(async () => expect(await countRows()).toBe(0), WAIT);
  expect(performance.now() - killedAt).toBeLessThan(10_000);
  expect(seen).toEqual([7]);
});

test("a recurring job comes again and again, over a Redis that forgot it, until a release without it", async () => {
  const { runs, handler } = recorder();
  work([handler]);
  const scheduler = startScheduler({ redisUrl: redis.url, schedules: [every(200, counted, { n: 5 })], log });
  await once(runs, "run");
  await once(runs, "run");
  await killRedis();
  await once(runs, "run");
  await scheduler.stop();
  expect(await countRows()).toBe(0);

  const next = startScheduler({ redisUrl: redis.url, schedules: [], log });
  await vi.waitFor(async () => {
    expect(await onRedis((client) => client.zcard("edgewright:jobs:repeat"))).toBe(0);
  }, WAIT);
  await next.stop();
});

/** The tests' Postgres answers commits before it writes them; here it is killed, and must not forget. */
async function commitDurably(url: string): Promise<void> {
  const { db: settings, part } = connectDatabase(url, { poolMax: 1, applicationName: "test" });
  await settings.raw("alter database ?? set synchronous_commit = on", [new URL(url).pathname.slice(1)]);
  await part.stop();
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

async function killRedis(): Promise<void> {
  const info = await onRedis((client) => client.info("server"));
  process.kill(Number(/process_id:(\d+)/.exec(info)?.[1]), "SIGKILL");
}

/** The postmaster is the parent of every backend. */
async function killPostgres(): Promise<void> {
  const { rows } = await db.raw("select pg_read_file('postmaster.pid')");
  process.kill(Number.parseInt(rows[0].pg_read_file, 10), "SIGKILL");
}
