// What recurs for alerts.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/** Scheduled: every alert is judged by the minute that ended last. */
export const judgeAlerts = defineJob({ name: "alert.judge", payload: z.object({}), attempts: 1 });

/** Scheduled: history that nobody looks at any more. */
export const forgetAlertEvents = defineJob({ name: "alert.forget", payload: z.object({}), attempts: 1 });
