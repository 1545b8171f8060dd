// Which job does what, and what recurs: for the worker and the scheduler role.
import { inTransaction } from "../../database/transaction.ts";
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { every, type Schedule } from "../../jobs/schedule.ts";
import { forgetEvents } from "./event-store.ts";
import { forgetAlertEvents, judgeAlerts } from "./jobs.ts";
import { type JudgementSettings, judgeAll } from "./judgement.ts";

const MINUTE_MS = 60 * 1000;
const HOUR_MS = 60 * MINUTE_MS;
const EVENTS_KEPT_MS = 90 * 24 * HOUR_MS;

export function alertHandlers(settings: JudgementSettings): JobHandler[] {
  const { db, clock } = settings;
  return [
    handleJob(judgeAlerts, (_, signal) => judgeAll(settings, signal)),
    handleJob(forgetAlertEvents, () =>
      inTransaction(db, (tx) => forgetEvents(tx, new Date(clock().getTime() - EVENTS_KEPT_MS))),
    ),
  ];
}

export const alertSchedules: readonly Schedule[] = [
  every(MINUTE_MS, judgeAlerts, {}),
  every(HOUR_MS, forgetAlertEvents, {}),
];
