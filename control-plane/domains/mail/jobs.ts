// A letter that is written where its reason is committed, and mailed afterwards.
import { z } from "zod";
import { sealedSchema } from "../../../platform/seal.ts";
import { defineJob } from "../../jobs/define-job.ts";

/** At most a minute apart: a server that is away for three hours gets everything in the end. */
export const MAIL_ATTEMPTS = 200;

/** Sealed, since a link in a letter is as good as a password and the payload lies in the database until it is sent. */
export const sendLetter = defineJob({
  name: "mail.send-letter",
  payload: z.object({ id: z.uuid(), sealed: sealedSchema }),
  attempts: MAIL_ATTEMPTS,
});
