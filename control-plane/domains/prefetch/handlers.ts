// Which job does what, and what recurs: for the worker and the scheduler role.
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { every, type Schedule } from "../../jobs/schedule.ts";
import type { AppendSettings } from "../feed/index.ts";
import { appendWaiting, forgetPrefetches as forget } from "./append.ts";
import { appendPrefetches, forgetPrefetches } from "./jobs.ts";

const APPEND_EVERY_MS = 60_000;
const FORGET_EVERY_MS = 5 * 60_000;

export function prefetchHandlers(settings: AppendSettings): JobHandler[] {
  return [
    handleJob(appendPrefetches, () => appendWaiting(settings)),
    handleJob(forgetPrefetches, (_, signal) => forget(settings, signal)),
  ];
}

export const prefetchSchedules: readonly Schedule[] = [
  every(APPEND_EVERY_MS, appendPrefetches, {}),
  every(FORGET_EVERY_MS, forgetPrefetches, {}),
];
