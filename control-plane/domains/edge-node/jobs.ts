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

/** The group has another parent: a page of the distributions that are kept to it, after this id or from the first. */
export const edgeGroupPlaced = defineJob({
  name: "edge-group.placed",
  payload: z.object({ group_id: z.uuid(), after: z.uuid().nullable() }),
});

/** An operator clears the group: what is kept to it is to be kept to the other one. */
export const edgeGroupVacated = defineJob({
  name: "edge-group.vacated",
  payload: z.object({ group_id: z.uuid(), to_group_id: z.uuid() }),
});

/** A node came, went, or has another state or address. `version`: which of its own it has reached; it counts on when it goes. */
export const edgeNodeChanged = defineJob({
  name: "edge-node.changed",
  payload: z.object({ group_id: z.uuid(), edge_id: z.uuid(), version: z.int().min(1) }),
});
