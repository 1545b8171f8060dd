// What follows a change of a group: somebody else renders its nginx files.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

export const edgeGroupChanged = defineJob({
  name: "edge-group.changed",
  payload: z.object({ group_id: z.uuid() }),
});
