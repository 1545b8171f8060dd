// What follows a change of a group: somebody else renders its nginx files.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/** A node of the group came, or renewed its certificate: secrets of the group are to be sealed for it too. */
export const edgeKeysChanged = defineJob({
  name: "edge-keys.changed",
  payload: z.object({ group_id: z.uuid() }),
});

export const edgeGroupChanged = defineJob({
  name: "edge-group.changed",
  payload: z.object({ group_id: z.uuid() }),
});
