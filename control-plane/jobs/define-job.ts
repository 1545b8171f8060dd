// A job is a name and the shape of its payload. It is enqueued in the transaction that gives cause to it (outbox.ts) and
// handled, perhaps more than once, by whoever binds a handler to it in the worker role.
import type { z } from "zod";

export interface JobDefinition<Payload extends z.ZodObject = z.ZodObject> {
  /** `domain.what-happens`; becomes the BullMQ job name, so no colon. */
  readonly name: string;
  readonly payload: Payload;
  readonly attempts: number;
}

/** A handler must be idempotent: a killed worker's job comes again. */
export interface JobHandler {
  readonly job: JobDefinition;
  run(payload: unknown, signal: AbortSignal): Promise<void>;
}

const ATTEMPTS_DEFAULT = 20;

export function defineJob<Payload extends z.ZodObject>(declaration: {
  name: string;
  payload: Payload;
  attempts?: number;
}): JobDefinition<Payload> {
  return { attempts: ATTEMPTS_DEFAULT, ...declaration };
}

export function handleJob<Payload extends z.ZodObject>(
  job: JobDefinition<Payload>,
  run: (payload: z.output<Payload>, signal: AbortSignal) => Promise<void>,
): JobHandler {
  return { job, run: (payload, signal) => run(job.payload.parse(payload), signal) };
}
