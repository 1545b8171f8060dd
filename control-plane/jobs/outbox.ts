// Effects leave through the outbox: a row in the caller's transaction, relayed to the queue afterwards (relay.ts) and
// deleted when its handler is done. A crash anywhere in between repeats the job; nothing loses it.
import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Reads, Tx } from "../database/transaction.ts";
import type { JobDefinition } from "./define-job.ts";

/** Postgres wakes the relay at commit. */
export const OUTBOX_CHANNEL = "outbox";

export async function enqueueJob<Payload extends z.ZodObject>(
  tx: Tx,
  job: JobDefinition<Payload>,
  payload: z.input<Payload>,
): Promise<void> {
  await tx.raw(
    `with added as (insert into outbox (id, job, payload) values (?, ?, ?) returning id)
     select pg_notify(?, '') from added`,
    [randomUUID(), job.name, JSON.stringify(job.payload.parse(payload)), OUTBOX_CHANNEL],
  );
}

const sealedSchema = z.object({ rows: z.array(z.object({ key: z.string(), jobs: z.number() })) });

/**
 * How many jobs that are still to be done carry a sealed value (their payload's field `sealed`), by the id of its master
 * key. The queue has a copy of it, which nobody rewraps: the key is needed until they are done.
 */
export async function countSealedJobs(reads: Reads): Promise<ReadonlyMap<string, number>> {
  const answer: unknown = await reads.raw(
    `select payload->'sealed'->>'key' as key, count(*) as jobs from outbox
     where failed_at is null and payload->'sealed'->>'key' is not null group by 1`,
  );
  return new Map(sealedSchema.parse(answer).rows.map(({ key, jobs }) => [key, jobs]));
}
