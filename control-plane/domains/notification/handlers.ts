// Which job does what, and what recurs: for the worker and the scheduler role.
import { inTransaction } from "../../database/transaction.ts";
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { every, type Schedule } from "../../jobs/schedule.ts";
import type { Courier } from "./courier.ts";
import { forgetDeliveries } from "./delivery-store.ts";
import { deliverDue, forgetNotifications, tellNotification, writeGathered, writeLetters } from "./jobs.ts";
import { type Writing, write, writeAllGathered } from "./letters.ts";
import { forgetTold } from "./store.ts";
import { tell } from "./tell.ts";
import { forgetFormerSecrets } from "./webhook-store.ts";

const MINUTE_MS = 60 * 1000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** The deliveries that customers can look at. */
const DELIVERIES_KEPT_MS = 30 * DAY_MS;
/** The first warning of a certificate that expires is said a month before the last. */
const NOTIFICATIONS_KEPT_MS = 90 * DAY_MS;

export function notificationHandlers(settings: Writing & { readonly courier: Pick<Courier, "wake"> }): JobHandler[] {
  return [
    handleJob(tellNotification, ({ notification_id }) => tell(settings, notification_id)),
    handleJob(writeLetters, ({ account_id }) => write(settings, account_id)),
    handleJob(writeGathered, (_, signal) => writeAllGathered(settings, signal)),
    handleJob(deliverDue, async () => settings.courier.wake()),
    handleJob(forgetNotifications, () => forget(settings)),
  ];
}

export const notificationSchedules: readonly Schedule[] = [
  every(MINUTE_MS, writeGathered, {}),
  every(HOUR_MS, forgetNotifications, {}),
];

async function forget({ db, clock }: Writing): Promise<void> {
  const now = clock();
  const before = (keptMs: number) => new Date(now.getTime() - keptMs);
  await inTransaction(db, async (tx) => {
    await forgetDeliveries(tx, before(DELIVERIES_KEPT_MS));
    await forgetTold(tx, before(NOTIFICATIONS_KEPT_MS));
    await forgetFormerSecrets(tx, now);
  });
}
