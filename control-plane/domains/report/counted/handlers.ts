// What recurs for roll-ups: for the worker and the scheduler role.
import { z } from "zod";
import { defineJob, handleJob, type JobHandler } from "../../../jobs/define-job.ts";
import { every, type Schedule } from "../../../jobs/schedule.ts";
import { type Reconciling, reconcile } from "./reconcile.ts";

const EVERY_MS = 60_000;

const reconcileJob = defineJob({ name: "report.reconcile", payload: z.object({}), attempts: 1 });

export function reportHandlers(reconciling: Reconciling): JobHandler[] {
  return [handleJob(reconcileJob, (_, signal) => reconcile(reconciling, signal))];
}

export const reportSchedules: readonly Schedule[] = [every(EVERY_MS, reconcileJob, {})];
