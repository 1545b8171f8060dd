// The deployment's own jobs. Those that begin here after a change belong to whoever was changed: `distribution.changed`,
// `edge-group.changed`.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/** Many deployments of a scope became active at once: the rest of them. */
export const settleDeployments = defineJob({
  name: "deployment.settle",
  payload: z.object({ scope: z.uuid() }),
});

/** Scheduled: looks how the canary group fares with what a new compiler made. */
export const advanceDeploymentRollout = defineJob({
  name: "deployment.rollout",
  payload: z.object({}),
  attempts: 1,
});

/** Scheduled: finds changes whose job was lost. */
export const reconcileDeployments = defineJob({ name: "deployment.reconcile", payload: z.object({}), attempts: 1 });
