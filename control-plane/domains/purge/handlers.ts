// Which job does what, and what recurs: for the worker and the scheduler role.
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { every, type Schedule } from "../../jobs/schedule.ts";
import { type AppendSettings, feedRestored } from "../feed/index.ts";
import { appendWaiting } from "./append.ts";
import { foldPurges as fold, forgetPurges as forget } from "./forget.ts";
import { appendPurges, foldPurges, forgetPurges } from "./jobs.ts";
import { purgeRestored } from "./restored.ts";

const APPEND_EVERY_MS = 60_000;
const FORGET_EVERY_MS = 10 * 60_000;

export function purgeHandlers(settings: AppendSettings): JobHandler[] {
  return [
    handleJob(appendPurges, () => appendWaiting(settings)),
    handleJob(foldPurges, ({ distribution_id }, signal) => fold(settings, distribution_id, signal)),
    handleJob(feedRestored, ({ after }) => purgeRestored(settings, after)),
    handleJob(forgetPurges, (_, signal) => forget(settings, signal)),
  ];
}

export const purgeSchedules: readonly Schedule[] = [
  every(APPEND_EVERY_MS, appendPurges, {}),
  every(FORGET_EVERY_MS, forgetPurges, {}),
];
