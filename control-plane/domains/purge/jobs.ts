// What follows a purge. Only workers can sign what edges are told, so that the API leaves it to them.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/** Appends what waits to the feeds: the one that this came with, and others beside it. Scheduled too, for lost jobs. */
export const appendPurges = defineJob({ name: "purge.append", payload: z.object({}) });

/** A newer purge makes older ones needless, or they are too many. */
export const foldPurges = defineJob({ name: "purge.fold", payload: z.object({ distribution_id: z.uuid() }) });

/** Scheduled: takes away what nothing can be as old as any more. */
export const forgetPurges = defineJob({ name: "purge.forget", payload: z.object({}), attempts: 1 });
