// Recurring jobs. They live in the queue alone: one that is missed is followed by the next, so there is nothing to lose.
import type { z } from "zod";
import type { Part } from "../../platform/lifecycle.ts";
import type { Logger } from "../../platform/log.ts";
import type { JobDefinition } from "./define-job.ts";
import { type JobQueue, openJobQueue } from "./queue.ts";

const RETRY_MS = 5_000;

export interface Schedule {
  readonly name: string;
  readonly everyMs: number;
  readonly payload: unknown;
}

export function every<Payload extends z.ZodObject>(
  everyMs: number,
  job: JobDefinition<Payload>,
  payload: z.input<Payload>,
): Schedule {
  return { name: job.name, everyMs, payload: job.payload.parse(payload) };
}

/**
 * Tells the queue what recurs, each time Redis can be reached: it may have forgotten. What an earlier release scheduled
 * and this one does not is taken out. Several schedulers agree, since each says the same.
 */
export function startScheduler(options: { redisUrl: string; schedules: readonly Schedule[]; log: Logger }): Part {
  const { redisUrl, schedules, log } = options;
  const queue = openJobQueue(redisUrl, log);
  let retry: NodeJS.Timeout | undefined;
  let registration: Promise<void> = Promise.resolve();
  let isStopped = false;

  const register = () => {
    clearTimeout(retry);
    registration = registerAll(queue, schedules).catch((error: unknown) => {
      if (isStopped) return;
      log.warn({ error }, "the schedule could not be told to the queue");
      retry = setTimeout(register, RETRY_MS);
    });
  };
  queue.onReachable(register);
  return {
    name: "scheduler",
    stop: async () => {
      isStopped = true;
      clearTimeout(retry);
      await registration;
      await queue.close();
    },
  };
}

async function registerAll(queue: JobQueue, schedules: readonly Schedule[]): Promise<void> {
  const wanted = new Set(schedules.map((schedule) => schedule.name));
  for (const name of await queue.repeatingNames()) {
    if (!wanted.has(name)) await queue.stopRepeating(name);
  }
  for (const schedule of schedules) await queue.repeat(schedule);
}
