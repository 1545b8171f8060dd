// The epoch of the caches stands in Postgres. A writer that cannot reach Redis raises it in its own transaction, and every
// process, told by NOTIFY, believes nothing any more that was cached before. Who does not hear Postgres knows no epoch.
import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { z } from "zod";
import type { Logger } from "../../platform/log.ts";
import type { Reads } from "../database/transaction.ts";
import { endsWithin } from "../jobs/deadline.ts";
import { createWakeUp } from "../jobs/wake-up.ts";

const CHANNEL = "edgewright_cache_epoch";
const HEARTBEAT_MS = 1_000;
const QUERY_TIMEOUT_MS = 3_000;
const CONNECT_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 1_000;
const RECONNECT_MIN_MS = 100;
const RECONNECT_MAX_MS = 2_000;

// Which database it is: one that was restored, failed over or made anew may have counted its epochs otherwise.
const IDENTITY = `select concat_ws('/', (select system_identifier from pg_control_system()), oid,
  left(pg_walfile_name(pg_current_wal_lsn()), 8)) as identity from pg_database where datname = current_database()`;
const identitySchema = z.tuple([z.object({ identity: z.string() })]);
const epochSchema = z.tuple([z.object({ epoch: z.coerce.number() })]);

/**
 * What was cached before is not believed once this commits. The row is locked until then: writers take turns for as long
 * as a commit takes, and none of them waits for anything else while it holds the row.
 */
export async function raiseEpoch(writes: Reads): Promise<void> {
  const { rows } = await writes.raw(
    `with raised as (update cache_epoch set epoch = epoch + 1 returning epoch)
     select epoch, pg_notify('${CHANNEL}', epoch::text) from raised`,
  );
  epochSchema.parse(rows);
}

export interface EpochWatch {
  /** The database and its epoch. Undefined while it is not known. */
  epoch(): string | undefined;
  /** When (performance.now()) Postgres was asked for it last, and answered. */
  provenAt(): number;
  /** Somebody may have raised it: it is not known until Postgres has been asked again. */
  doubt(): void;
  stop(): Promise<void>;
}

/** Over a connection that listens and asks once a second. `onChange`: the epoch is another, or no longer known. */
export function watchEpoch(settings: { databaseUrl: string; log: Logger; onChange: () => void }): EpochWatch {
  const { databaseUrl, log, onChange } = settings;
  const stopping = new AbortController();
  const wakeUp = createWakeUp();
  let known: { readonly epoch: string; readonly provenAt: number } | undefined;
  let newest = Number.NEGATIVE_INFINITY;
  let doubts = 0;

  function know(identity: string, provenAt: number): void {
    const epoch = `${identity}/${newest}`;
    const isOther = epoch !== known?.epoch;
    known = { epoch, provenAt };
    if (isOther) onChange();
  }

  function forget(): void {
    doubts += 1;
    const wasKnown = known !== undefined;
    known = undefined;
    if (wasKnown) onChange();
  }

  function hear(identity: string, epoch: number): void {
    if (!(epoch > newest)) return;
    newest = epoch;
    if (known !== undefined) know(identity, known.provenAt);
  }

  async function watchOverOneConnection(onWorking: () => void): Promise<void> {
    const database = new pg.Client({
      connectionString: databaseUrl,
      application_name: "cache epoch",
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
    });
    const breakOff = () => {
      forget();
      // The next query throws.
      wakeUp.ring();
    };
    database.on("error", breakOff);
    database.on("end", breakOff);
    try {
      await database.connect();
      const [{ identity }] = identitySchema.parse((await database.query(IDENTITY)).rows);
      newest = Number.NEGATIVE_INFINITY;
      database.on("notification", ({ payload }) => hear(identity, Number(payload)));
      await database.query(`listen ${CHANNEL}`);
      while (!stopping.signal.aborted) {
        const before = { doubts, askedAt: performance.now() };
        const [{ epoch }] = epochSchema.parse((await database.query("select epoch from cache_epoch")).rows);
        newest = Math.max(newest, epoch);
        // What was asked before a doubt does not settle it.
        if (before.doubts === doubts) know(identity, before.askedAt);
        onWorking();
        await wakeUp.wait(HEARTBEAT_MS);
      }
    } finally {
      forget();
      // On a connection that broke, pg waits for an end that was already.
      await endsWithin(database.end(), CLOSE_TIMEOUT_MS).catch(() => false);
    }
  }

  async function watchUntilStopped(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      try {
        await watchOverOneConnection(() => {
          if (failures > 0) log.info("the cache's epoch is known again");
          failures = 0;
        });
      } catch (error) {
        if (failures === 0 && !stopping.signal.aborted)
          log.warn({ error }, "the cache's epoch is not known: reads go to the database");
        failures += 1;
        const backOffMs = Math.min(RECONNECT_MIN_MS * 2 ** Math.min(failures, 10), RECONNECT_MAX_MS);
        await setTimeout(backOffMs, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
  }

  const ended = watchUntilStopped();
  return {
    epoch: () => known?.epoch,
    provenAt: () => known?.provenAt ?? Number.NEGATIVE_INFINITY,
    doubt: () => {
      forget();
      wakeUp.ring();
    },
    stop: async () => {
      stopping.abort();
      wakeUp.ring();
      await ended;
    },
  };
}
