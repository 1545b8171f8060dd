// Does jobs: takes them from the queue, runs the handler that is bound to their name, and deletes their outbox row when
// it is done. A worker that dies in the middle lets go of its jobs within ten seconds; another does them again.
import { type Job, UnrecoverableError, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { Part } from "../../platform/lifecycle.ts";
import { type Logger, withLogContext } from "../../platform/log.ts";
import { Problem } from "../../platform/problem.ts";
import { outageOf } from "../database/outage.ts";
import type { Database } from "../database/transaction.ts";
import { dependencyAway } from "../http/problems.ts";
import { endsWithin } from "./deadline.ts";
import type { JobHandler } from "./define-job.ts";
import { connectRedis, QUEUE_NAME, QUEUE_PREFIX } from "./queue.ts";
import { retryDelayMs } from "./retry.ts";

// A dead worker's lock runs out after the first; the second is how often the others look: 6 + 3 s at most.
const LOCK_MS = 6_000;
const STALLED_CHECK_MS = 3_000;
// Dying workers are no fault of the job: it is given up for its own failures only.
const STALLED_MAX = 1_000;
const FETCH_RETRY_MS = 500;
const JOB_TIMEOUT_MS = 10 * 60_000;
const DRAIN_TIMEOUT_MS = 10_000;
const ABORT_TIMEOUT_MS = 2_000;
// No handler: perhaps a newer release enqueued it, whose workers are just starting.
const ATTEMPTS_WITHOUT_HANDLER = 20;
const FAILURE_LENGTH_MAX = 4_000;

interface WorkerOptions {
  readonly db: Database;
  readonly redisUrl: string;
  readonly handlers: readonly JobHandler[];
  /** How many jobs run at once in this process. */
  readonly concurrency: number;
  readonly log: Logger;
}

interface RunningJob {
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/** Starts even while Redis is away and takes up work when it is there. */
export function startWorker(options: WorkerOptions): Part {
  const { redisUrl, concurrency, log } = options;
  const connections = openConnections(redisUrl, log);
  const running = new Set<RunningJob>();
  const bound = bindByName(options.handlers);

  // BullMQ hands over the signal because there are three parameters.
  const take = async (job: Job, _token: string | undefined, lockLost?: AbortSignal): Promise<void> => {
    const controller = new AbortController();
    const ended = runBounded(job, bound.get(job.name), { ...options, controller, lockLost });
    const entry = { controller, ended };
    running.add(entry);
    await ended.finally(() => running.delete(entry));
  };
  const worker = new Worker(QUEUE_NAME, take, {
    connection: connections.first,
    prefix: QUEUE_PREFIX,
    concurrency,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_CHECK_MS,
    maxStalledCount: STALLED_MAX,
    runRetryDelay: FETCH_RETRY_MS,
    settings: {
      backoffStrategy: (attemptsMade, _type, error) => retryDelayMs(attemptsMade, isOutage(error), Math.random()),
    },
  });
  // Connection errors, which the connection itself has logged; failures of jobs are logged where they happen.
  worker.on("error", (error) => log.debug({ error }, "worker lost touch with the queue"));
  worker.on("stalled", (jobId) => log.warn({ job_id: jobId }, "a worker died in the middle of a job"));
  return { name: "worker", stop: () => stopWorker(worker, connections, running) };
}

async function stopWorker(worker: Worker, connections: Connections, running: ReadonlySet<RunningJob>): Promise<void> {
  // Without Redis no job can be ended properly: another worker does again what runs now.
  const isReachable = connections.first.status === "ready";
  const closed = worker.close(!isReachable);
  const isDrained = isReachable && (await endsWithin(closed, DRAIN_TIMEOUT_MS));
  if (!isDrained) {
    for (const { controller } of running) controller.abort(new Error("the worker is stopping"));
    await endsWithin(Promise.allSettled([...running].map((job) => job.ended)), ABORT_TIMEOUT_MS);
  }
  connections.closeAll();
  await endsWithin(closed, ABORT_TIMEOUT_MS);
}

interface Connections {
  readonly first: Redis;
  closeAll(): void;
}

/** BullMQ copies the connection for its blocking wait, and cannot let go of the copy while Redis is away: we can. */
function openConnections(redisUrl: string, log: Logger): Connections {
  const first = connectRedis(redisUrl, log, { maxRetriesPerRequest: null });
  const all = [first];
  const duplicate = first.duplicate.bind(first);
  first.duplicate = (override) => {
    const copy = duplicate(override);
    copy.on("error", () => {});
    all.push(copy);
    return copy;
  };
  const closeAll = () => {
    for (const connection of all) connection.disconnect();
  };
  return { first, closeAll };
}

function bindByName(handlers: readonly JobHandler[]): Map<string, JobHandler> {
  const bound = new Map<string, JobHandler>();
  for (const handler of handlers) {
    if (bound.has(handler.job.name)) throw new Error(`two handlers are bound to the job ${handler.job.name}`);
    bound.set(handler.job.name, handler);
  }
  return bound;
}

/** The job's signal is aborted when its lock is lost, its time is over, or (by its controller) the worker stops. */
async function runBounded(
  job: Job,
  handler: JobHandler | undefined,
  context: { db: Database; log: Logger; controller: AbortController; lockLost: AbortSignal | undefined },
): Promise<void> {
  const { db, log, controller, lockLost } = context;
  const abort = () => controller.abort(new Error("the job was taken away from this worker"));
  const timer = setTimeout(() => controller.abort(new Error("the job ran out of time")), JOB_TIMEOUT_MS);
  lockLost?.addEventListener("abort", abort, { once: true });
  const ids = { job: job.name, job_id: job.id ?? "", attempt: String(job.attemptsMade + 1) };
  try {
    await withLogContext(ids, () => runJob(job, handler, { db, log, signal: controller.signal }));
  } finally {
    clearTimeout(timer);
    lockLost?.removeEventListener("abort", abort);
  }
}

async function runJob(
  job: Job,
  handler: JobHandler | undefined,
  { db, log, signal }: { db: Database; log: Logger; signal: AbortSignal },
): Promise<void> {
  const startedAt = performance.now();
  const ms = () => Math.round((performance.now() - startedAt) * 10) / 10;
  try {
    if (handler === undefined) throw new Error(`no handler is bound to the job ${job.name}`);
    await handler.run(job.data, signal);
    if (hasOutboxRow(job)) await db("outbox").where({ id: job.id }).delete();
    log.info({ ms: ms() }, "job done");
  } catch (error) {
    const attemptsMax = handler?.job.attempts ?? ATTEMPTS_WITHOUT_HANDLER;
    if (isOutage(error) || job.attemptsMade + 1 < attemptsMax) {
      log.warn({ error, ms: ms() }, "job failed and will be tried again");
      throw error;
    }
    if (hasOutboxRow(job)) await markFailed(db, job, error);
    log.error({ error, ms: ms() }, "job failed for good");
    throw new UnrecoverableError(messageOf(error));
  }
}

/** Jobs of the schedule come again by themselves and have none. */
function hasOutboxRow(job: Job): boolean {
  return job.repeatJobKey === undefined;
}

async function markFailed(db: Database, job: Job, error: unknown): Promise<void> {
  const failure = messageOf(error).slice(0, FAILURE_LENGTH_MAX);
  await db("outbox").where({ id: job.id }).update({ failed_at: db.fn.now(), failure });
}

/** Time heals these: they never make a job fail for good. */
function isOutage(error: unknown): boolean {
  return outageOf(error) !== undefined || (error instanceof Problem && error.kind === dependencyAway);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
