// What usage is looked at for: which jobs there are.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/** Scheduled: all accounts with a quota. */
export const checkAllQuotasJob = defineJob({ name: "usage.check-quotas", payload: z.object({}), attempts: 1 });

/** Its quota is another one. */
export const checkQuotaJob = defineJob({ name: "usage.check-quota", payload: z.object({ account_id: z.uuid() }) });

/** Scheduled: the months that are due. */
export const closeMonthsJob = defineJob({ name: "usage.close-months", payload: z.object({}), attempts: 1 });

/** Scheduled: where edges stand, so that it is known of those that go. */
export const noteEdgesJob = defineJob({ name: "usage.note-edges", payload: z.object({}), attempts: 1 });
