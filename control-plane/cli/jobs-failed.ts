// `edgewright jobs:failed`: the jobs that failed for good, and how they are tried again.
import type { Command } from "commander";
import { inTransaction } from "../database/transaction.ts";
import { type FailedJob, listFailedJobs, retryFailedJobs } from "../jobs/failed-jobs.ts";
import { answeringCommand, type Terminal } from "./command.ts";
import { withServices } from "./operator.ts";

export function jobsFailedCommand(terminal: Terminal): Command {
  return answeringCommand(terminal, {
    name: "jobs:failed",
    summary: "list the jobs that failed for good, with the reason",
    declare: (command) => command.option("--retry", "try all of them again, once the cause is mended"),
    run: (_arguments, { retry }) =>
      withServices(terminal.env, async ({ db }) => {
        const failed = await listFailedJobs(db);
        return { failed, retried: retry === true ? await inTransaction(db, retryFailedJobs) : 0 };
      }),
    present: ({ failed, retried }) => (retried > 0 ? `${retried} jobs are tried again.` : shown(failed)),
  });
}

function shown(failed: readonly FailedJob[]): string {
  if (failed.length === 0) return "No job has failed.";
  return failed.map(({ job, failed_at, failure }) => `${failed_at.toISOString()}  ${job}  ${failure ?? ""}`).join("\n");
}
