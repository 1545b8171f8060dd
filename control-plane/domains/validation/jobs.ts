// What is done by and by: looks at names, and the challenge that stands on every edge for them.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/** Scheduled: looks at the names that are due. */
export const lookAtDue = defineJob({ name: "validation.due", payload: z.object({}), attempts: 1 });

/** Scheduled: puts the standing challenge where it is missing. */
export const standChallenge = defineJob({ name: "validation.stand", payload: z.object({}), attempts: 1 });
