// What follows a notification.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/** Makes letters and deliveries of it, once. */
export const tellNotification = defineJob({
  name: "notification.tell",
  payload: z.object({ notification_id: z.uuid() }),
});
