// A table of things with a cache over it, as a domain would have one; its loads and commits can be held. Tests only.
import { setImmediate, setTimeout } from "node:timers/promises";
import { Registry } from "prom-client";
import { z } from "zod";
import { createLogger } from "../../platform/log.ts";
import { connectDatabase } from "../database/connection.ts";
import { type Database, inTransaction, makeStale } from "../database/transaction.ts";
import { type Cache, openCache } from "./cache.ts";
import type { Space } from "./space.ts";

const thingSchema = z.object({ id: z.string(), version: z.int() });
export type Thing = z.output<typeof thingSchema>;

const log = createLogger({ role: "test", level: "silent" });
const GATE = 4711;
export const WAIT = { timeout: 15_000, interval: 5 };

/** The table, and a trigger that a test can keep a thing's commit waiting with when Postgres has heard it. */
export async function createThings(db: Database): Promise<void> {
  await db.schema.createTable("thing", (table) => {
    table.text("id").primary();
    table.integer("version").notNullable();
  });
  await db.raw(`create function wait_at_gate() returns trigger language plpgsql as
    $$ begin perform pg_advisory_xact_lock_shared(${GATE}, hashtext(new.id)); return null; end $$`);
  await db.raw(`create constraint trigger gate after insert or update on thing
    deferrable initially deferred for each row execute function wait_at_gate()`);
}

/** Commits that change this thing wait, inside Postgres, until the function that comes back is called. */
export async function holdCommit(db: Database, id: string): Promise<() => Promise<void>> {
  const gate = await db.transaction();
  // A test that fails lets nobody wait for it.
  await gate.raw("set local idle_in_transaction_session_timeout = '15s'");
  await gate.raw(`select pg_advisory_xact_lock(${GATE}, hashtext(?))`, [id]);
  return async () => void (await gate.commit());
}

/** Resolves when so many commits wait. */
export async function commitsWaiting(db: Database, count = 1): Promise<void> {
  await until(async () => {
    const { rows } = await db.raw(
      `select 1 from pg_locks where locktype = 'advisory' and classid = ${GATE} and not granted`,
    );
    if (rows.length !== count) throw new Error(`${rows.length} wait`);
  });
}

export interface Things {
  readonly db: Database;
  readonly cache: Cache;
  readonly space: Space<Thing, void>;
  /** Pages of things by the first letter of their ids. */
  readonly pages: Space<readonly Thing[], { readonly limit: number }>;
  /** Undefined: there is no such thing. */
  version(id: string): Promise<number | undefined>;
  /** Resolves when the write is acknowledged. */
  write(id: string): Promise<number>;
  remove(id: string): Promise<void>;
  /** From an acknowledged write on: how long the reads lasted that did not see it. */
  staleFor(id: string, expected: number | undefined): Promise<number>;
  /** How often Postgres was asked for a thing. */
  loads(): number;
  /** The next load of a thing stops when it has read, until it is let go. */
  holdLoad(): { readonly hasRead: Promise<void>; letGo(): void };
  /** How many reads of things were answered so. */
  counted(outcome: string): Promise<number>;
  live(): Promise<void>;
  /** Resolves when the thing is read from memory, and comes back with it. */
  cached(id: string): Promise<number | undefined>;
  stop(): Promise<void>;
}

export function openThings(settings: {
  databaseUrl: string;
  /** Where the epoch is heard, when it is by another wire. */
  epochUrl?: string;
  redisUrl: string;
  reads?: "cached" | "direct";
  fenceMs?: number;
}): Things {
  const { databaseUrl, epochUrl = databaseUrl, redisUrl, reads = "cached", fenceMs } = settings;
  const { db, part } = connectDatabase(databaseUrl, { poolMax: 8, applicationName: "things" });
  const registry = new Registry();
  const cache = openCache({
    ...{ db, databaseUrl: epochUrl, redisUrl, reads, registry, log },
    ...(fenceMs === undefined ? {} : { fenceMs }),
  });
  let loads = 0;
  let held: { read: () => void; gate: Promise<void> } | undefined;

  async function load(id: string): Promise<Thing | undefined> {
    loads += 1;
    const hold = held;
    held = undefined;
    const thing = await db("thing").where({ id }).first();
    hold?.read();
    await hold?.gate;
    return thing;
  }

  const space = cache.space("thing", { load, schema: thingSchema });
  const pages = cache.space("things-of", {
    load: (letter: string, { limit }: { limit: number }) =>
      db("thing").whereLike("id", `${letter}%`).orderBy("id").limit(limit),
    schema: z.array(thingSchema),
  });

  async function write(id: string): Promise<number> {
    return inTransaction(db, async (tx) => {
      const [row] = await tx("thing")
        .insert({ id, version: 1 })
        .onConflict("id")
        .merge({ version: tx.raw("thing.version + 1") })
        .returning("version");
      makeStale(tx, `thing:${id}`);
      makeStale(tx, `things-of:${id.slice(0, 1)}`);
      return row.version;
    });
  }

  async function counted(outcome: string): Promise<number> {
    const metric = await registry.getSingleMetric("edgewright_cache_reads_total")?.get();
    const found = metric?.values.find(({ labels }) => labels.space === "thing" && labels.outcome === outcome);
    return found?.value ?? 0;
  }

  async function version(id: string): Promise<number | undefined> {
    return (await space.read(id))?.version;
  }

  return {
    ...{ db, cache, space, pages, write, version, counted },
    cached: (id) =>
      until(async () => {
        const before = await counted("memory");
        const read = await version(id);
        if ((await counted("memory")) === before) throw new Error(`${id} is not in memory`);
        return read;
      }),
    remove: (id) =>
      inTransaction(db, async (tx) => {
        await tx("thing").where({ id }).delete();
        makeStale(tx, `thing:${id}`);
        makeStale(tx, `things-of:${id.slice(0, 1)}`);
      }),
    staleFor: (id, expected) =>
      staleFor(
        () => version(id),
        (seen) => seen === expected,
      ),
    loads: () => loads,
    holdLoad() {
      let read = () => {};
      let letGo = () => {};
      const hasRead = new Promise<void>((resolve) => {
        read = resolve;
      });
      const gate = new Promise<void>((resolve) => {
        letGo = resolve;
      });
      held = { read, gate };
      return { hasRead, letGo };
    },
    live: () => until(async () => assertLive(cache)),
    async stop() {
      await cache.part.stop();
      await part.stop();
    },
  };
}

/**
 * Reads until it is told what is expected; comes back with how long after the call the last read began that was told
 * something else. However busy the machine is: a read that did not begin was not too old.
 */
export async function staleFor<T>(read: () => Promise<T>, isExpected: (value: T) => boolean): Promise<number> {
  const calledAt = performance.now();
  let staleMs = 0;
  for (;;) {
    const begunAt = performance.now();
    if (isExpected(await read())) return staleMs;
    staleMs = begunAt - calledAt;
    if (staleMs > WAIT.timeout) return staleMs;
    // As between two requests: what other processes say must be heard.
    await setImmediate();
  }
}

/** As `vi.waitFor`, for processes that are no test. */
async function until<T>(attempt: () => Promise<T>): Promise<T> {
  const endsAt = performance.now() + WAIT.timeout;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > endsAt) throw error;
    }
    await setTimeout(WAIT.interval);
  }
}

function assertLive(cache: Cache): void {
  if (!cache.isLive()) throw new Error("the cache is not live");
}
