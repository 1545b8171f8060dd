// Carries outbox rows into the queue: at once when Postgres says that some were committed, within a second when that
// word was lost. Rows that the queue lost are carried again. Several relays may run; a row goes through one of them.
import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { z } from "zod";
import type { Part } from "../../platform/lifecycle.ts";
import type { Logger } from "../../platform/log.ts";
import { endsWithin } from "./deadline.ts";
import { OUTBOX_CHANNEL } from "./outbox.ts";
import { type JobQueue, openJobQueue } from "./queue.ts";
import { createWakeUp, type WakeUp } from "./wake-up.ts";

const POLL_MS = 1_000;
const BATCH_ROWS = 200;
const RECOVERY_EVERY_MS = 15_000;
/** A row this long in the queue is looked for there. */
const LOST_AFTER_MS = 60_000;
const CONNECT_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 1_000;
const QUERY_TIMEOUT_MS = 10_000;
const RECONNECT_MIN_MS = 200;
const RECONNECT_MAX_MS = 5_000;

const rowsSchema = z.array(z.object({ id: z.string(), seq: z.number(), job: z.string(), payload: z.unknown() }));
const idsSchema = z.array(z.object({ id: z.string() }));

interface Relay {
  readonly databaseUrl: string;
  readonly applicationName: string;
  readonly queue: JobQueue;
  readonly wakeUp: WakeUp;
  readonly log: Logger;
  readonly stopping: AbortSignal;
  /** Set when Redis or Postgres came (back): they may no longer agree. */
  isRecoveryDue: boolean;
  recoveredAt: number;
  isQueueFailing: boolean;
}

/** Starts even while Postgres or Redis is away; what waits in the outbox goes out when both are there. */
export function startRelay(options: {
  databaseUrl: string;
  redisUrl: string;
  /** What its connection is called in Postgres. */
  applicationName?: string;
  log: Logger;
}): Part {
  const { databaseUrl, redisUrl, applicationName = "outbox relay", log } = options;
  const stop = new AbortController();
  const queue = openJobQueue(redisUrl, log);
  const relay: Relay = {
    databaseUrl,
    applicationName,
    queue,
    wakeUp: createWakeUp(),
    log,
    stopping: stop.signal,
    isRecoveryDue: true,
    recoveredAt: 0,
    isQueueFailing: false,
  };
  queue.onReachable(() => {
    relay.isRecoveryDue = true;
    relay.wakeUp.ring();
  });
  const ended = relayUntilStopped(relay);
  return {
    name: "outbox relay",
    stop: async () => {
      stop.abort();
      relay.wakeUp.ring();
      await ended;
      await queue.close();
    },
  };
}

async function relayUntilStopped(relay: Relay): Promise<void> {
  let failures = 0;
  while (!relay.stopping.aborted) {
    try {
      await relayOverOneConnection(relay, () => {
        if (failures > 0) relay.log.info("the outbox can be read again");
        failures = 0;
      });
    } catch (error) {
      // Once: an outage of an hour is one line, not ten thousand.
      if (failures === 0 && !relay.stopping.aborted) relay.log.warn({ error }, "the outbox cannot be read");
      failures += 1;
      const backOffMs = Math.min(RECONNECT_MIN_MS * 2 ** failures, RECONNECT_MAX_MS);
      // Not the wake-up: a connection that breaks rings it, and would end the wait that it is the cause of.
      await setTimeout(backOffMs * (0.5 + Math.random() / 2), undefined, { signal: relay.stopping }).catch(() => {});
    }
  }
}

/** Ends by throwing when the connection breaks. One connection listens and works: half of it cannot be away. */
async function relayOverOneConnection(relay: Relay, onWorking: () => void): Promise<void> {
  const { queue, wakeUp, stopping } = relay;
  const database = new pg.Client({
    connectionString: relay.databaseUrl,
    application_name: relay.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    statement_timeout: QUERY_TIMEOUT_MS,
    idle_in_transaction_session_timeout: 2 * QUERY_TIMEOUT_MS,
    keepAlive: true,
  });
  // A broken connection says so here; the next query throws.
  database.on("error", wakeUp.ring);
  database.on("notification", wakeUp.ring);
  try {
    await database.connect();
    await database.query(`listen ${OUTBOX_CHANNEL}`);
    relay.isRecoveryDue = true;
    while (!stopping.aborted) {
      const isMore = queue.isReachable() ? await relayStep(relay, database) : await assertAlive(database);
      onWorking();
      if (!isMore) await wakeUp.wait(POLL_MS);
    }
  } finally {
    // On a connection that broke, pg waits for an end that was already.
    await endsWithin(database.end(), CLOSE_TIMEOUT_MS).catch(() => false);
  }
}

/** Asked even while Redis is away: a dead connection must be noticed before the outbox is needed. */
async function assertAlive(database: pg.Client): Promise<false> {
  await database.query("select 1");
  return false;
}

/** True when there may be more to do at once. */
async function relayStep(relay: Relay, database: pg.Client): Promise<boolean> {
  const now = Date.now();
  if (relay.isRecoveryDue || now - relay.recoveredAt > RECOVERY_EVERY_MS) {
    const olderThanMs = relay.isRecoveryDue ? 0 : LOST_AFTER_MS;
    // Before the look, not after it: Redis may come back empty once more while it lasts.
    relay.isRecoveryDue = false;
    if (!(await recoverLostRows(relay, database, olderThanMs))) {
      relay.isRecoveryDue = true;
      return false;
    }
    relay.recoveredAt = now;
  }
  return relayBatch(relay, database);
}

/**
 * The rows stay locked while the queue takes them (seconds at most: every call has a deadline), so that a relay that
 * dies in between gives them back at once. A job may begin before its row says that it was relayed.
 */
async function relayBatch(relay: Relay, database: pg.Client): Promise<boolean> {
  await database.query("begin");
  const claimed = await database.query(
    `update outbox set relayed_at = now() where id in (
       select id from outbox where relayed_at is null and failed_at is null
       order by seq limit ${BATCH_ROWS} for update skip locked
     ) returning id, seq, job, payload`,
  );
  const rows = rowsSchema.parse(claimed.rows).sort((a, b) => a.seq - b.seq);
  const isTaken = rows.length === 0 || (await queueTakes(relay, rows));
  await database.query(isTaken ? "commit" : "rollback");
  return isTaken && rows.length === BATCH_ROWS;
}

function queueTakes(relay: Relay, rows: z.output<typeof rowsSchema>): Promise<boolean> {
  return triedOnQueue(relay, async () => {
    await relay.queue.add(rows.map(({ id, job, payload }) => ({ id, name: job, payload })));
    return true;
  });
}

/** Rows that were relayed but are neither done nor in the queue go out again. True when all were looked at. */
async function recoverLostRows(relay: Relay, database: pg.Client, olderThanMs: number): Promise<boolean> {
  const cutoff = await database.query(`select (now() - $1 * interval '1 ms')::text as at`, [olderThanMs]);
  for (;;) {
    const relayed = await database.query(
      `select id from outbox where relayed_at < $1 and failed_at is null order by relayed_at limit ${BATCH_ROWS}`,
      [cutoff.rows[0].at],
    );
    const ids = idsSchema.parse(relayed.rows).map((row) => row.id);
    if (ids.length === 0) return true;
    const lost = await triedOnQueue(relay, () => relay.queue.unknownAmong(ids));
    if (lost === false) return false;
    // Those that the queue has are looked at again in a minute.
    await database.query(
      `update outbox set relayed_at = case when id = any($1::uuid[]) then null else now() end where id = any($2::uuid[])`,
      [lost, ids],
    );
    if (lost.length > 0) relay.log.warn({ rows: lost.length }, "the queue lost jobs, which go out again");
  }
}

/** False when the queue failed: the outbox keeps what it has. */
async function triedOnQueue<T>(relay: Relay, work: () => Promise<T>): Promise<T | false> {
  try {
    const result = await work();
    relay.isQueueFailing = false;
    return result;
  } catch (error) {
    if (!relay.isQueueFailing) relay.log.warn({ error }, "the queue takes no jobs, which wait in the outbox");
    relay.isQueueFailing = true;
    return false;
  }
}
