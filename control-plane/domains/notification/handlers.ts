// Which job does what: for the worker role.
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { tellNotification } from "./jobs.ts";
import { type Telling, tell } from "./tell.ts";

export function notificationHandlers(telling: Telling): JobHandler[] {
  return [handleJob(tellNotification, ({ notification_id }) => tell(telling, notification_id))];
}
