// Jobs that failed for good: their outbox rows stay, until somebody has mended the cause and has them tried again.
import { Gauge, type Registry } from "prom-client";
import { z } from "zod";
import type { Database, Reads, Tx } from "../database/transaction.ts";
import { OUTBOX_CHANNEL } from "./outbox.ts";

const LISTED_MAX = 1_000;

/** Without its payload, which may hold what nobody is to read. */
const failedSchema = z.object({ id: z.uuid(), job: z.string(), failed_at: z.date(), failure: z.string().nullable() });
export type FailedJob = z.output<typeof failedSchema>;

const countSchema = z.object({ failed: z.coerce.number() });

/** Oldest first. */
export async function listFailedJobs(reads: Reads): Promise<readonly FailedJob[]> {
  const rows: unknown = await reads("outbox")
    .select("id", "job", "failed_at", "failure")
    .whereNotNull("failed_at")
    .orderBy("seq")
    .limit(LISTED_MAX);
  return z.array(failedSchema).parse(rows);
}

/** In their old order, as if they had just been enqueued. Answers how many. */
export async function retryFailedJobs(tx: Tx): Promise<number> {
  const retried = await tx("outbox")
    .whereNotNull("failed_at")
    .update({ failed_at: null, failure: null, relayed_at: null });
  await tx.raw("select pg_notify(?, '')", [OUTBOX_CHANNEL]);
  return retried;
}

/** Anybody may ask for the metrics, and counting reads the outbox. */
const COUNT_KEPT_MS = 5_000;

/** Counted when Prometheus asks, once for all who ask at a time. While Postgres is away the last number stands. */
export function meterFailedJobs(registry: Registry, db: Database, clock: () => Date): void {
  let counting: Promise<void> | undefined;
  let countedAt: Date | undefined;

  const gauge = new Gauge({
    name: "edgewright_outbox_failed",
    help: "Jobs that failed for good; `edgewright jobs:failed` lists them",
    registers: [registry],
    async collect() {
      if (countedAt !== undefined && clock().getTime() - countedAt.getTime() < COUNT_KEPT_MS) return;
      counting ??= count().finally(() => {
        counting = undefined;
      });
      await counting;
    },
  });

  async function count(): Promise<void> {
    const row: unknown = await db("outbox")
      .whereNotNull("failed_at")
      .count({ failed: "*" })
      .first()
      .catch(() => undefined);
    const counted = countSchema.safeParse(row);
    if (counted.success) gauge.set(counted.data.failed);
    countedAt = clock();
  }
}
