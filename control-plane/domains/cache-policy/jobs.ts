// What follows when the rules of a policy change: everything that uses it is deployed anew.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/** A page of its distributions: after this id, or from the first. */
export const cachePolicyChanged = defineJob({
  name: "cache-policy.changed",
  payload: z.object({ cache_policy_id: z.uuid(), after: z.uuid().nullable() }),
});
