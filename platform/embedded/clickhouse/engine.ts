// The ClickHouse engine in this process: each query in a connection of its own, a bounded number at a time, and a way to
// end one that nobody waits for any more.
import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { type ChdbResult, drainPending, Session } from "chdb";
import { exception } from "./exception.ts";
import type { QueryRequest } from "./request.ts";
import { identifier, literal } from "./sql.ts";

/** Below UV_THREADPOOL_SIZE: compression, files and KILL QUERY need threads too. */
const RUNNING_MAX = 12;
const WAITING_MAX = 1000;
const KILL_RETRY_MS = 200;

export interface Engine {
  /** `signal` ends the query, wherever it is by then. */
  run(query: QueryRequest, signal: AbortSignal): Promise<ChdbResult>;
  close(): Promise<void>;
}

export async function openEngine(dataFolder: string, database: string): Promise<Engine> {
  // The engine lives as long as one connection does: this one.
  const root = new Session(dataFolder);
  await root.queryAsync(`CREATE DATABASE IF NOT EXISTS ${identifier(database)} ENGINE = Atomic`);
  const slots = createSlots();
  return {
    async run(query, signal) {
      await slots.take(signal);
      try {
        return await runInSession(dataFolder, query, signal);
      } finally {
        slots.release();
      }
    },
    async close() {
      await drainPending();
      root.close();
    },
  };
}

/**
 * A fresh connection per query, since settings and parameters stick to one, and a query that fails midway leaves rows
 * that the next one on it would answer. It costs less than a millisecond.
 */
async function runInSession(dataFolder: string, query: QueryRequest, signal: AbortSignal): Promise<ChdbResult> {
  const mark = randomUUID();
  const session = new Session(dataFolder);
  const settled = new AbortController();
  const killing = killWhenAborted({ dataFolder, mark, signal, settled: settled.signal });
  try {
    if (query.database !== undefined) await session.queryAsync(`USE ${identifier(query.database)}`);
    await session.queryAsync(setStatement(query, mark));
    signal.throwIfAborted();
    return await session.queryAsync(query.statement, { format: query.defaultFormat });
  } finally {
    settled.abort();
    session.close();
    await killing;
  }
}

/** The engine gives no query id of our choosing; the log comment finds it again in system.processes. */
function setStatement(query: QueryRequest, mark: string): string {
  const settings = new Map(query.settings);
  settings.set("log_comment", `${mark} ${query.settings.get("log_comment") ?? ""}`);
  if (query.readOnly) settings.set("readonly", "2");
  const pairs = [...settings].map(([name, value]) => `${settingName(name)} = ${literal(value)}`);
  return `SET ${pairs.join(", ")}`;
}

function settingName(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  throw exception.badArguments(`The name of a setting is a word, not ${JSON.stringify(name)}`);
}

/** Repeats itself until the query has ended: the order may come before the engine has begun it. */
async function killWhenAborted(target: {
  dataFolder: string;
  mark: string;
  signal: AbortSignal;
  settled: AbortSignal;
}): Promise<void> {
  const { signal, settled } = target;
  await new Promise<void>((resolve) => {
    if (signal.aborted || settled.aborted) return resolve();
    for (const either of [signal, settled]) either.addEventListener("abort", () => resolve(), { once: true });
  });
  while (!settled.aborted) {
    await killQuery(target);
    await wait(KILL_RETRY_MS, undefined, { signal: settled }).catch(() => undefined);
  }
}

async function killQuery({ dataFolder, mark }: { dataFolder: string; mark: string }): Promise<void> {
  const session = new Session(dataFolder);
  try {
    // ASYNC: a SYNC one never returns in this engine.
    await session.queryAsync(`KILL QUERY WHERE startsWith(Settings['log_comment'], '${mark}') ASYNC`);
  } finally {
    session.close();
  }
}

interface Slots {
  take(signal: AbortSignal): Promise<void>;
  release(): void;
}

function createSlots(): Slots {
  let running = 0;
  const waiting: (() => void)[] = [];
  return {
    async take(signal) {
      if (running < RUNNING_MAX) {
        running += 1;
        return;
      }
      if (waiting.length >= WAITING_MAX) throw exception.tooManyQueries(WAITING_MAX);
      await new Promise<void>((resolve, reject) => {
        const leave = () => {
          waiting.splice(waiting.indexOf(enter), 1);
          reject(signal.reason);
        };
        const enter = () => {
          signal.removeEventListener("abort", leave);
          resolve();
        };
        signal.addEventListener("abort", leave, { once: true });
        waiting.push(enter);
      });
    },
    // The slot goes straight to the next one that waits.
    release() {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    },
  };
}
