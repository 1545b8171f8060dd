// The queue between whoever gives cause to a job and whoever does it: BullMQ on Redis. Redis may be away at any time;
// what must not be lost stands in the outbox.
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import type { Logger } from "../../platform/log.ts";
import { endsWithin } from "./deadline.ts";

export const QUEUE_NAME = "jobs";
export const QUEUE_PREFIX = "edgewright";

const CONNECT_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 5_000;
const RECONNECT_MAX_MS = 2_000;
const CALL_TIMEOUT_MS = 8_000;
const CLOSE_TIMEOUT_MS = 1_000;

/** The worker decides how often a job is tried (worker.ts); to BullMQ the number is only a bound. */
const JOB_OPTIONS = {
  attempts: 1_000_000,
  backoff: { type: "custom" },
  removeOnComplete: true,
  // The outbox row remembers a failure. Kept here, the id could never be relayed again.
  removeOnFail: true,
} as const;

export interface QueuedJob {
  readonly id: string;
  readonly name: string;
  readonly payload: unknown;
}

/** Adding jobs. Every call fails within seconds while Redis is away. */
export interface JobQueue {
  isReachable(): boolean;
  /** An id that the queue has already is left as it is. */
  add(jobs: readonly QueuedJob[]): Promise<void>;
  /** Of these ids, those that the queue knows nothing of. */
  unknownAmong(ids: readonly string[]): Promise<string[]>;
  /** Makes `name` recur; leaves a schedule that is the same already to its rhythm. */
  repeat(job: { name: string; everyMs: number; payload: unknown }): Promise<void>;
  repeatingNames(): Promise<string[]>;
  stopRepeating(name: string): Promise<void>;
  /** `listen` runs each time Redis can be reached (again), at once when it can be now. */
  onReachable(listen: () => void): void;
  close(): Promise<void>;
}

export function openJobQueue(redisUrl: string, log: Logger): JobQueue {
  const redis = connectRedis(redisUrl, log, { enableOfflineQueue: false, commandTimeout: COMMAND_TIMEOUT_MS });
  let opened: Queue | undefined;

  // A Queue whose first contact failed never recovers, so each failure begins a new one on the same connection.
  const withQueue = async <T>(work: (queue: Queue) => Promise<T>): Promise<T> => {
    opened ??= openQueue(redis);
    const queue = opened;
    try {
      return await withDeadline(work(queue));
    } catch (error) {
      if (opened === queue) opened = undefined;
      closeQuietly(queue);
      throw error;
    }
  };

  return {
    isReachable: () => redis.status === "ready",
    add: (jobs) =>
      withQueue(async (queue) => {
        await queue.addBulk(
          jobs.map(({ id, name, payload }) => ({ name, data: payload, opts: { ...JOB_OPTIONS, jobId: id } })),
        );
      }),
    unknownAmong: (ids) =>
      withQueue(async (queue) => {
        const states = await Promise.all(ids.map((id) => queue.getJobState(id)));
        return ids.filter((_id, index) => states[index] === "unknown");
      }),
    repeat: ({ name, everyMs, payload }) =>
      withQueue(async (queue) => {
        const existing = await queue.getJobScheduler(name);
        const isSame =
          existing?.every === everyMs && JSON.stringify(existing.template?.data) === JSON.stringify(payload);
        if (isSame) return;
        await queue.upsertJobScheduler(name, { every: everyMs }, { name, data: payload, opts: JOB_OPTIONS });
      }),
    repeatingNames: () => withQueue(async (queue) => (await queue.getJobSchedulers()).map(({ key }) => key)),
    stopRepeating: (name) => withQueue(async (queue) => void (await queue.removeJobScheduler(name))),
    onReachable: (listen) => {
      redis.on("ready", listen);
      if (redis.status === "ready") listen();
    },
    close: async () => {
      redis.disconnect();
      if (opened !== undefined) await endsWithin(opened.close(), CLOSE_TIMEOUT_MS);
    },
  };
}

/** Reconnects for as long as it lives; says once when the connection is lost and once when it is back. */
export function connectRedis(
  url: string,
  log: Logger,
  options: { enableOfflineQueue?: boolean; commandTimeout?: number; maxRetriesPerRequest?: null } = {},
): Redis {
  const redis = new Redis(url, {
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 10), RECONNECT_MAX_MS),
    ...options,
  });
  let isLost = false;
  redis.on("error", (error: unknown) => {
    if (!isLost) log.warn({ error }, "redis does not answer");
    isLost = true;
  });
  redis.on("ready", () => {
    if (isLost) log.info("redis answers again");
    isLost = false;
  });
  return redis;
}

function openQueue(connection: Redis): Queue {
  const queue = new Queue(QUEUE_NAME, { connection, prefix: QUEUE_PREFIX });
  // Its errors are those of the connection, which has logged them, or of a call, which throws them.
  queue.on("error", () => {});
  return queue;
}

function closeQuietly(queue: Queue): void {
  queue.close().catch(() => {});
}

async function withDeadline<T>(work: Promise<T>): Promise<T> {
  if (await endsWithin(work, CALL_TIMEOUT_MS)) return work;
  throw new Error(`Command timed out: the queue did not answer in ${CALL_TIMEOUT_MS} ms`);
}
