// What follows another key of a group: everything sealed under the one before is sealed anew, a part at a time.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

export const resealSecrets = defineJob({
  name: "edge-secret.reseal",
  payload: z.object({ scope: z.uuid(), after: z.uuid().nullable() }),
});
