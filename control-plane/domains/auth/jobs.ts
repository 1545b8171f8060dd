// The jobs of this domain. Mails with a link make its token when they are sent: none lies in a queue.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";
import { MAIL_ATTEMPTS } from "../mail/index.ts";

/** `cause` is the request's: its retries are one mail. */
const cause = z.uuid();

export const sendEmailVerification = defineJob({
  name: "auth.send-email-verification",
  payload: z.object({ user_id: z.uuid(), email: z.string(), cause }),
  attempts: MAIL_ATTEMPTS,
});

/** Enqueued for every address that somebody enters: whether it is a user's is found out where nobody sees it. */
export const sendPasswordReset = defineJob({
  name: "auth.send-password-reset",
  payload: z.object({ email: z.string(), cause }),
  attempts: MAIL_ATTEMPTS,
});

/** Scheduled: what nobody can use any more goes. */
export const deleteExpired = defineJob({ name: "auth.delete-expired", payload: z.object({}), attempts: 1 });
