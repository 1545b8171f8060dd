// Tells an account something: a row and a job in the transaction of its cause. Deliveries to webhooks and letters are made
// from the row afterwards (tell.ts, letters.ts), so that whoever has something to tell needs no more than a transaction.
import { randomUUID } from "node:crypto";
import type { Tx } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { type NotificationEvent, WITHOUT_LETTER } from "./events.ts";
import { tellNotification } from "./jobs.ts";
import { isNobody, type Recipients } from "./recipients.ts";
import { insertNotification } from "./store.ts";

export interface Notification {
  readonly accountId: string;
  readonly event: NotificationEvent;
  /** The subject of the letter: one line that says what happened to what. */
  readonly subject: string;
  /** What happened and what to do, for a person: paragraphs with a blank line between. */
  readonly text: string;
  /** The same for a program, as a webhook gets it: snake_case, times in ISO 8601, ids; no secrets. */
  readonly data: Readonly<Record<string, unknown>>;
  /** With it, the account is told once and never again: such as `certificate.expiring:<id>:<version>:7`. */
  readonly once?: string;
  /** Who gets a letter of it. Absent: the owners and admins. */
  readonly recipients?: Recipients;
  /** People should not wait long for it: it is gathered with others for a few minutes at most. */
  readonly isUrgent?: boolean;
  /** Programs alone are told: people know it otherwise. */
  readonly withoutLetter?: boolean;
  readonly now: Date;
}

export async function notify(tx: Tx, notification: Notification): Promise<void> {
  const { accountId, event, subject, text: body, data: details, once = null, now } = notification;
  const { recipients = null, isUrgent = false, withoutLetter = WITHOUT_LETTER.has(event) } = notification;
  const id = randomUUID();
  const wantsLetter = !withoutLetter && !isNobody(recipients);
  const toBeTold = { toldAt: null, wantsLetter, letteredAt: null, recipients, isUrgent };
  const row = { id, accountId, event, subject, body, details, once, createdAt: now, ...toBeTold };
  if (await insertNotification(tx, row)) await enqueueJob(tx, tellNotification, { notification_id: id });
}
