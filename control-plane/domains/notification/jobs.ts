// What follows a notification.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/** Makes deliveries of it, once, and asks for its letter. */
export const tellNotification = defineJob({
  name: "notification.tell",
  payload: z.object({ notification_id: z.uuid() }),
});

/** People of the account are to be told something. */
export const writeLetters = defineJob({
  name: "notification.write-letters",
  payload: z.object({ account_id: z.uuid() }),
});

/** Scheduled: what was gathered since an account's last letter. */
export const writeGathered = defineJob({ name: "notification.write-gathered", payload: z.object({}), attempts: 1 });

/** There is something to deliver: the courier of the worker that gets this looks at once. */
export const deliverDue = defineJob({ name: "notification.deliver", payload: z.object({}) });

/** Scheduled: what nobody looks at any more. */
export const forgetNotifications = defineJob({ name: "notification.forget", payload: z.object({}), attempts: 1 });
