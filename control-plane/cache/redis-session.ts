// The cache's own connection to Redis. On it come, in the order in which Redis did things (RESP3), the answers and the
// word of what other processes made stale. Redis answers in time or is given up: nobody waits twice for one that is gone.
import { Redis } from "ioredis";
import type { Logger } from "../../platform/log.ts";
import type { CacheScript } from "./scripts.ts";

/** Longer than any healthy Redis takes, short enough for one write to wait for. */
const ANSWER_TIMEOUT_MS = 250;
/** Nobody waits for a heartbeat, and memory is not believed meanwhile: a Redis that is busy is not given up for it. */
const HEARTBEAT_TIMEOUT_MS = 1_000;
const HEARTBEAT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 2_000;
/** Bounds the handshake, which is not ours to time. */
const SOCKET_TIMEOUT_MS = 2_000;
const DISCONNECT_TIMEOUT_MS = 10;
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 2_000;
// What another connection may mend: a server that lost its scripts, or is not the one to write to.
const CURABLE_REPLY = /^(NOSCRIPT|READONLY|MASTERDOWN|LOADING)\b/;

export interface RedisSessions {
  /** Which run of the server it is: one that starts again has another. Undefined while there is no session. */
  runId(): string | undefined;
  /** When (performance.now()) the newest question was asked that Redis has answered: all that it said before is heard. */
  provenAt(): number;
  /** Asks it something, unless that is under way. */
  prove(): void;
  /** Fails at once without a session, and within a quarter of a second in any case. */
  run(script: CacheScript, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  /** Resolves when the first attempt to connect has succeeded or failed. */
  readonly firstContact: Promise<void>;
  stop(): void;
}

export interface RedisSessionSettings {
  readonly url: string;
  readonly log: Logger;
  readonly scripts: readonly CacheScript[];
  /** Without it nothing is subscribed to: for processes that only write. */
  readonly listen?: { readonly channel: string; readonly hear: (message: string) => void };
  /** A session began or ended. */
  readonly onChange: () => void;
}

interface Session {
  readonly runId: string;
  readonly shaOf: ReadonlyMap<CacheScript, string>;
}

export function openRedisSessions(settings: RedisSessionSettings): RedisSessions {
  const { log, listen, onChange } = settings;
  /** How to fail each question that is under way. */
  const asked = new Set<(error: unknown) => void>();
  let session: Session | undefined;
  let heartbeat: NodeJS.Timeout | undefined;
  let provenAt = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let isLost = false;
  let isProving = false;
  let touched = () => {};
  const firstContact = new Promise<void>((resolve) => {
    touched = resolve;
  });

  const redis = new Redis(settings.url, {
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    // Nothing is said later than it was meant.
    enableOfflineQueue: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => {
      failures += 1;
      return Math.min(RECONNECT_MIN_MS * 2 ** Math.min(failures, 10), RECONNECT_MAX_MS);
    },
  });
  redis.on("message", (_channel: string, message: string) => listen?.hear(message));
  redis.on("error", lose);
  redis.on("close", () => end(new Error("Connection is closed.")));
  redis.on("ready", () => {
    begin().catch(giveUp);
  });

  async function begin(): Promise<void> {
    session = await ask(() => prepare(redis, settings));
    heartbeat = setInterval(prove, HEARTBEAT_MS);
    if (isLost) log.info("redis answers the cache again");
    isLost = false;
    touched();
    onChange();
  }

  function prove(): void {
    if (isProving) return;
    isProving = true;
    ask(() => redis.ping(), HEARTBEAT_TIMEOUT_MS)
      .then(() => {
        failures = 0;
      })
      .catch(() => {})
      .finally(() => {
        isProving = false;
      });
  }

  function end(error: unknown): void {
    clearInterval(heartbeat);
    session = undefined;
    provenAt = Number.NEGATIVE_INFINITY;
    for (const fail of [...asked]) fail(error);
    onChange();
  }

  function giveUp(error: unknown): void {
    lose(error);
    end(error);
    redis.disconnect(true);
  }

  function lose(error: unknown): void {
    // Once: an outage of an hour is one line.
    if (!isLost) log.warn({ error }, "redis does not answer the cache: reads go to the database");
    isLost = true;
    touched();
  }

  function ask<T>(question: () => Promise<T>, timeoutMs = ANSWER_TIMEOUT_MS): Promise<T> {
    const askedAt = performance.now();
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        clearTimeout(timer);
        asked.delete(fail);
        reject(error);
      };
      const isOpen = () => asked.has(fail);
      // An answer that came while this process was busy is in time: it is read between the timer and the immediate.
      const timer = setTimeout(() => {
        setImmediate(() => {
          if (isOpen()) giveUp(new Error(`Command timed out: no answer in ${timeoutMs} ms`));
        });
      }, timeoutMs);
      asked.add(fail);
      question().then(
        (answer) => {
          if (!isOpen()) return;
          clearTimeout(timer);
          asked.delete(fail);
          provenAt = Math.max(provenAt, askedAt);
          resolve(answer);
        },
        (error: unknown) => {
          if (!isOpen()) return;
          if (isCurable(error)) giveUp(error);
          else fail(error);
        },
      );
    });
  }

  return {
    runId: () => session?.runId,
    provenAt: () => provenAt,
    prove,
    run(script, keys, args) {
      const sha = session?.shaOf.get(script);
      if (sha === undefined) return Promise.reject(new Error("Connection is closed."));
      return ask(() => redis.evalsha(sha, keys.length, ...keys, ...args));
    },
    firstContact,
    stop() {
      end(new Error("Connection is closed."));
      redis.disconnect();
      touched();
    },
  };
}

async function prepare(redis: Redis, { scripts, listen }: RedisSessionSettings): Promise<Session> {
  const loading = scripts.map(async (script) => [script, String(await redis.script("LOAD", script.lua))] as const);
  // A server that knows no RESP3 (Redis before 6) refuses the question on a connection that has subscribed.
  const [info, shas] = await Promise.all([
    redis.info("server"),
    Promise.all(loading),
    listen === undefined ? undefined : redis.subscribe(listen.channel).then(() => redis.ping()),
  ]);
  const runId = /^run_id:(\w+)/m.exec(info)?.[1];
  if (runId === undefined) throw new Error("Redis does not say which run of it this is");
  return { runId, shaOf: new Map(shas) };
}

/** An error of the connection, or an answer that another connection might not get. */
function isCurable(error: unknown): boolean {
  if (!(error instanceof Error) || error.name !== "ReplyError") return true;
  return CURABLE_REPLY.test(error.message);
}
