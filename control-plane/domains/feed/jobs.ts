// What the life of the feed gives cause to. Compiling anew is for whoever compiles: the deployment domain.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/**
 * Compiles every distribution anew, a page at a time: after this id, or from the first. `rollout`: for which stage of which
 * rollout of a new compiler, to be told at the end.
 */
export const recompileDistributions = defineJob({
  name: "deployment.recompile",
  payload: z.object({
    after: z.uuid().nullable(),
    rollout: z.object({ id: z.uuid(), stage: z.enum(["canary", "spreading"]) }).optional(),
  }),
});

/** What compiles is another version than before: everything is to be compiled anew. */
export const compilerChanged = defineJob({
  name: "deployment.compiler-changed",
  payload: z.object({ compiler_version: z.int() }),
});

/** Signs everything for this feed, after it was made anew. */
export const rebuildFeed = defineJob({
  name: "feed.rebuild",
  payload: z.object({ feed_id: z.uuid() }),
});

/** The database was restored: edges were told what is not in it any more. After this distribution, or from the first. */
export const feedRestored = defineJob({
  name: "feed.restored",
  payload: z.object({ after: z.uuid().nullable() }),
});

/** Scheduled: writes the checkpoints that are due. */
export const writeCheckpoints = defineJob({ name: "feed.checkpoint", payload: z.object({}), attempts: 1 });
