// What follows a change: somebody else compiles and deploys it.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

export const distributionChanged = defineJob({
  name: "distribution.changed",
  payload: z.object({ distribution_id: z.uuid() }),
});
