// What follows a notification.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/** Makes letters and deliveries of it, once. */
export const tellNotification = defineJob({
  name: "notification.tell",
  payload: z.object({ notification_id: z.uuid() }),
});

/** There is something to deliver: the courier of the worker that gets this looks at once. */
export const deliverDue = defineJob({ name: "notification.deliver", payload: z.object({}) });

/** Scheduled: what nobody looks at any more. */
export const forgetNotifications = defineJob({ name: "notification.forget", payload: z.object({}), attempts: 1 });
