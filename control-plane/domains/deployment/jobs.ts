// The deployment's own jobs. Those that begin here after a change belong to whoever was changed: `distribution.changed`,
// `edge-group.changed`.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/** Compiles every distribution anew, a page at a time: after this id, or from the first. */
export const recompileDistributions = defineJob({
  name: "deployment.recompile",
  payload: z.object({ after: z.uuid().nullable() }),
});

/** Many deployments of a scope became active at once: the rest of them. */
export const settleDeployments = defineJob({
  name: "deployment.settle",
  payload: z.object({ scope: z.uuid() }),
});

/** Signs everything for this feed, after it was made anew. */
export const rebuildFeed = defineJob({
  name: "feed.rebuild",
  payload: z.object({ feed_id: z.uuid() }),
});

/** Scheduled: writes the checkpoints that are due. */
export const writeCheckpoints = defineJob({ name: "feed.checkpoint", payload: z.object({}), attempts: 1 });

/** Scheduled: finds changes whose job was lost. */
export const reconcileDeployments = defineJob({ name: "deployment.reconcile", payload: z.object({}), attempts: 1 });
