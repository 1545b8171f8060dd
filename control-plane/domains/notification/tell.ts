// Makes letters of a notification, for the owners and admins of the account. In one transaction with the mark that it was
// told: a worker that dies in the middle tells nobody, and the next one tells everybody once.
import { type Database, inTransaction } from "../../database/transaction.ts";
import { findAccount, findPeopleInCharge } from "../account/index.ts";
import type { Letter, Post } from "../mail/index.ts";
import { lockNotification, type NotificationRecord, setTold } from "./store.ts";

export interface Telling {
  readonly db: Database;
  readonly post: Post;
  readonly clock: () => Date;
}

export async function tell({ db, post, clock }: Telling, notificationId: string): Promise<void> {
  await inTransaction(db, async (tx) => {
    const notification = await lockNotification(tx, notificationId);
    if (notification === undefined || notification.toldAt !== null) return;
    const account = await findAccount(tx, notification.accountId);
    if (account !== undefined) {
      for (const email of await findPeopleInCharge(tx, account.id)) {
        await post.post(tx, letterOf(notification, { email, accountName: account.name }));
      }
    }
    await setTold(tx, notificationId, clock());
  });
}

function letterOf(
  { subject, body }: NotificationRecord,
  { email, accountName }: { email: string; accountName: string },
): Letter {
  return {
    to: email,
    subject,
    paragraphs: ["Hello,", ...body.split("\n\n")],
    closing: `You get this because you are an owner or an admin of ${accountName}.`,
  };
}
