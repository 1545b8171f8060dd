// Effects leave through the outbox: a row in the caller's transaction, relayed to the queue afterwards (relay.ts) and
// deleted when its handler is done. A crash anywhere in between repeats the job; nothing loses it.
import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { Tx } from "../database/transaction.ts";
import type { JobDefinition } from "./define-job.ts";

/** Postgres wakes the relay at commit. */
export const OUTBOX_CHANNEL = "outbox";

export async function enqueueJob<Payload extends z.ZodObject>(
  tx: Tx,
  job: JobDefinition<Payload>,
  payload: z.input<Payload>,
): Promise<void> {
  await tx("outbox").insert({ id: randomUUID(), job: job.name, payload: JSON.stringify(job.payload.parse(payload)) });
  await tx.raw("select pg_notify(?, '')", [OUTBOX_CHANNEL]);
}
