// Answers that were kept long enough are forgotten.
import { z } from "zod";
import type { Logger } from "../../platform/log.ts";
import type { Database } from "../database/transaction.ts";
import { defineJob, handleJob, type JobHandler } from "../jobs/define-job.ts";
import { every, type Schedule } from "../jobs/schedule.ts";
import { deleteOldKeys } from "./idempotency-store.ts";

const EVERY_MS = 60 * 60_000;

const forgetAnswers = defineJob({ name: "idempotency.forget", payload: z.object({}), attempts: 1 });

export const idempotencySchedules: readonly Schedule[] = [every(EVERY_MS, forgetAnswers, {})];

export function idempotencyHandlers({ db, log }: { db: Database; log: Logger }): JobHandler[] {
  return [
    handleJob(forgetAnswers, async () => {
      const deleted = await deleteOldKeys(db);
      if (deleted > 0) log.info({ deleted }, "old idempotent answers were forgotten");
    }),
  ];
}
