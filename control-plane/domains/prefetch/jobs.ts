// What follows a prefetch: only workers can sign what edges are told.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/** Appends what waits to the feeds. Scheduled too, for lost jobs. */
export const appendPrefetches = defineJob({ name: "prefetch.append", payload: z.object({}) });

/** Scheduled: what no edge has come for is no news any more. */
export const forgetPrefetches = defineJob({ name: "prefetch.forget", payload: z.object({}), attempts: 1 });
