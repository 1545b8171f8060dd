// Two processes over one Redis and one Postgres: what one writes the other follows, also when a writer is killed, and
// whatever happens to Redis meanwhile.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { startTestRedis, type TestService } from "../../platform/embedded/test-services.ts";
import { createTestDatabase, type TestDatabase } from "../database/test-database.ts";
import { INVALIDATIONS } from "./entries.ts";
import { FOLLOW_MS } from "./liveness.ts";
import { createTestLink, type TestLink } from "./test-link.ts";
import { commitsWaiting, createThings, holdCommit, openThings, type Things, WAIT } from "./test-things.ts";

/** For a machine that has other work too. */
const PATIENCE_MS = 120_000;

const seenSchema = z.object({ version: z.int(), at: z.number() });
const followedSchema = z.object({ lastStaleFrom: z.number() });
const deedsSchema = z.object({
  deeds: z.array(
    z.object({ kind: z.enum(["read", "write"]), id: z.string(), version: z.int(), from: z.number(), to: z.number() }),
  ),
  fromMemory: z.number(),
});
type Deeds = z.output<typeof deedsSchema>["deeds"];
const replySchema = z.object({ number: z.int(), answer: z.unknown().optional(), failure: z.string().optional() });

interface Process {
  ask(order: Record<string, unknown>): Promise<unknown>;
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  kill(): Promise<void>;
}

let database: TestDatabase;
let redis: TestService;
const children: ChildProcess[] = [];
let links: TestLink[] = [];
let reader: Things;
let one: Process;
let other: Process;

beforeAll(async () => {
  [database, redis] = await Promise.all([createTestDatabase(), startTestRedis()]);
  await createThings(database.db);
  reader = openThings({ databaseUrl: database.url, redisUrl: redis.url });
  await reader.live();
  [one, other] = await Promise.all([startProcess(), startProcess()]);
});
afterEach(async () => {
  await Promise.all(links.map((link) => link.stop()));
  links = [];
});
afterAll(async () => {
  await Promise.all(children.map(ended));
  await reader.stop();
  await Promise.all([database.stop(), redis.stop()]);
});

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

async function startProcess(redisUrl = redis.url): Promise<Process> {
  const script = fileURLToPath(new URL("./things.fixture.ts", import.meta.url));
  const child = fork(script, [database.url, redisUrl], { execArgv: ["--import", "tsx"] });
  children.push(child);
  const waiting = new Map<number, (reply: z.output<typeof replySchema>) => void>();
  let asked = 0;
  child.on("message", (message) => {
    const reply = replySchema.parse(message);
    waiting.get(reply.number)?.(reply);
  });
  child.once("exit", () => {
    for (const [number, take] of waiting) take({ number, failure: "the process ended" });
  });
  const made: Process = {
    ask(order) {
      asked += 1;
      const number = asked;
      child.send({ order, number });
      return new Promise((resolve, reject) => {
        waiting.set(number, ({ answer, failure }) => {
          waiting.delete(number);
          if (failure === undefined) resolve(answer);
          else reject(new Error(failure));
        });
      });
    },
    signal: (name) => void child.kill(name),
    kill: () => ended(child),
  };
  await made.ask({ do: "live" });
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

const redisPid = async () => Number(/process_id:(\d+)/.exec(await onRedis((client) => client.info("server")))?.[1]);
const fences = (id: string) => onRedis((client) => client.zcard(`edgewright:cache:fence:thing:${id}`));

test("the writer's process reads its write at once, and the other one within 100 ms", {
  timeout: PATIENCE_MS,
}, async () => {
  for (let round = 1; round <= 30; round += 1) {
    const [writer, follower] = round % 2 === 0 ? [one, other] : [other, one];
    // Both have it in memory; the follower reads on while the writer writes.
    for (const each of [one, other]) await each.ask({ do: "read", id: "led" });
    const following = follower.ask({ do: "follow", id: "led", version: round });
    const written = seenSchema.parse(await writer.ask({ do: "write", id: "led" }));
    expect(seenSchema.parse(await writer.ask({ do: "read", id: "led" })).version).toBe(round);
    const { lastStaleFrom } = followedSchema.parse(await following);
    expect(lastStaleFrom - written.at).toBeLessThan(FOLLOW_MS);
  }
});

test("a process that slept through a write does not take its memory for the present when it wakes", async () => {
  for (let round = 1; round <= 10; round += 1) {
    await reader.write("slept");
    await one.ask({ do: "follow", id: "slept", version: 2 * round - 1 });
    await one.ask({ do: "read", id: "slept" });
    one.signal("SIGSTOP");
    try {
      await reader.write("slept");
      const asked = one.ask({ do: "read", id: "slept" });
      // That much it is allowed, awake or not.
      await setTimeout(FOLLOW_MS);
      one.signal("SIGCONT");
      expect(seenSchema.parse(await asked).version).toBe(2 * round);
    } finally {
      one.signal("SIGCONT");
    }
  }
});

test("a writer killed between its fence and its commit changes nothing, and its fence stands", async () => {
  const wire = await createTestLink(redis.url);
  links.push(wire);
  const writer = await startProcess(wire.url);
  await writer.ask({ do: "write", id: "victim" });
  expect(await reader.cached("victim")).toBe(1);
  const subscriber = new Redis(redis.url);
  await subscriber.subscribe(INVALIDATIONS);
  const raised = once(subscriber, "message");
  // Redis raises the fence, and the writer does not hear of it before it dies.
  wire.muteAnswers();
  const writing = writer.ask({ do: "write", id: "victim" });
  await raised;
  await Promise.all([expect(writing).rejects.toThrow("the process ended"), writer.kill()]);
  subscriber.disconnect();
  expect(await fences("victim")).toBe(1);
  const fenced = await reader.counted("fenced");
  expect(await reader.version("victim")).toBe(1);
  expect((await reader.counted("fenced")) - fenced).toBe(1);
  expect((await database.db("thing").where({ id: "victim" }).first()).version).toBe(1);
});

test("a writer killed after Postgres heard its commit: nobody keeps what was before it", async () => {
  const writer = await startProcess();
  await writer.ask({ do: "write", id: "posthumous" });
  expect(await reader.cached("posthumous")).toBe(1);
  const commit = await holdCommit(database.db, "posthumous");
  const writing = writer.ask({ do: "write", id: "posthumous" });
  await commitsWaiting(database.db);
  await Promise.all([expect(writing).rejects.toThrow("the process ended"), writer.kill()]);
  expect(await fences("posthumous")).toBe(1);
  expect(await reader.version("posthumous")).toBe(1);
  await commit();
  await vi.waitFor(async () => {
    expect((await database.db("thing").where({ id: "posthumous" }).first()).version).toBe(2);
  }, WAIT);
  expect(await reader.version("posthumous")).toBe(2);
});

test("in hundreds of random reads and writes by two processes no read is older than it may be", {
  timeout: PATIENCE_MS,
}, async () => {
  const ids = ["ra", "rb", "rc"];
  await Promise.all([
    one.ask({ do: "start", seed: 1, ids, clients: 4 }),
    other.ask({ do: "start", seed: 2, ids, clients: 4 }),
  ]);
  await Promise.all([one, other].map((each) => each.ask({ do: "progress", deeds: 500 })));
  const [mine, theirs] = await finish();
  expect(tooOld(mine, theirs, FOLLOW_MS)).toEqual([]);
  expect(tooOld(theirs, mine, FOLLOW_MS)).toEqual([]);
});

test("whatever happens to Redis meanwhile, no process reads what is older than its own writes", {
  timeout: PATIENCE_MS,
}, async () => {
  const ids = ["sa", "sb", "sc"];
  await Promise.all([
    one.ask({ do: "start", seed: 3, ids, clients: 4 }),
    other.ask({ do: "start", seed: 4, ids, clients: 4 }),
  ]);
  const progress = () => Promise.all([one, other].map((each) => each.ask({ do: "progress", deeds: 60 })));
  await progress();
  const hanging = await redisPid();
  process.kill(hanging, "SIGSTOP");
  await progress();
  process.kill(hanging, "SIGCONT");
  await progress();
  for (const each of [one, other]) await each.ask({ do: "live" });
  await progress();
  await onRedis((client) => client.call("CLIENT", "KILL", "TYPE", "pubsub"));
  await progress();
  await onRedis((client) => client.flushall());
  await progress();
  process.kill(await redisPid(), "SIGKILL");
  await progress();
  for (const each of [one, other]) await each.ask({ do: "live" });
  await progress();
  const [mine, theirs] = await finish();
  expect(tooOld(mine, [], 0)).toEqual([]);
  expect(tooOld(theirs, [], 0)).toEqual([]);
  for (const id of ids) {
    const { version } = await database.db("thing").where({ id }).first();
    for (const each of [one, other]) {
      expect(seenSchema.parse(await each.ask({ do: "read", id })).version).toBe(version);
    }
  }
});

async function finish(): Promise<[Deeds, Deeds]> {
  const [mine, theirs] = await Promise.all(
    [one, other].map(async (each) => deedsSchema.parse(await each.ask({ do: "finish" }))),
  );
  // Or nothing was proven about caches.
  for (const done of [mine, theirs]) expect(done?.fromMemory).toBeGreaterThan(20);
  return [mine?.deeds ?? [], theirs?.deeds ?? []];
}

/** Reads that began after a write was acknowledged (to others: so long after it) and yet saw an earlier version. */
function tooOld(mine: Deeds, theirs: Deeds, followMs: number): { read: Deeds[number]; write: Deeds[number] }[] {
  const binding = [
    ...mine.map((write) => ({ write, from: write.to })),
    ...theirs.map((write) => ({ write, from: write.to + followMs })),
  ].filter(({ write }) => write.kind === "write");
  return mine
    .filter(({ kind }) => kind === "read")
    .flatMap((read) => {
      const missed = binding.find(
        ({ write, from }) => write.id === read.id && from <= read.from && write.version > read.version,
      );
      return missed === undefined ? [] : [{ read, write: missed.write }];
    });
}
