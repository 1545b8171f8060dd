// What follows a change: somebody else compiles and deploys it.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/** A name was claimed: somebody looks whether it leads here. */
export const domainClaimed = defineJob({
  name: "distribution.domain-claimed",
  payload: z.object({ domain_id: z.uuid() }),
});

export const distributionChanged = defineJob({
  name: "distribution.changed",
  payload: z.object({ distribution_id: z.uuid() }),
});
