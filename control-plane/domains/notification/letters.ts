// Letters to the owners and admins of an account, or to the members that a notification names. The first is written at once;
// what follows within a quarter of an hour (of what is urgent: five minutes) is gathered into one, so that however much
// happens at a time fills nobody's box, and nothing is left out.
import { type Database, inTransaction } from "../../database/transaction.ts";
import { findAccount, findReadersOfLetters, type ReaderOfLetters } from "../account/index.ts";
import type { Letter, Post } from "../mail/index.ts";
import { isFor } from "./recipients.ts";
import {
  findAccountsToWriteTo,
  findUnwritten,
  hasUrgent,
  lockLetters,
  type NotificationRecord,
  setWritten,
  wasWrittenSince,
} from "./store.ts";

export interface Writing {
  readonly db: Database;
  readonly post: Post;
  readonly clock: () => Date;
}

const MINUTE_MS = 60 * 1000;
const GATHERED_MS = 15 * MINUTE_MS;
const URGENT_GATHERED_MS = 5 * MINUTE_MS;
/** More of them wait for the next letter. */
const IN_ONE_LETTER_MAX = 100;
const ACCOUNTS_MAX = 500;

type News = Pick<NotificationRecord, "subject" | "body" | "recipients">;

/** In one transaction with the mark that they are written: a worker that dies in the middle has written none of them. */
export async function write({ db, post, clock }: Writing, accountId: string): Promise<void> {
  await inTransaction(db, async (tx) => {
    await lockLetters(tx, accountId);
    const now = clock();
    const gatheredMs = (await hasUrgent(tx, accountId)) ? URGENT_GATHERED_MS : GATHERED_MS;
    if (await wasWrittenSince(tx, accountId, before(now, gatheredMs))) return;
    const news = await findUnwritten(tx, accountId, IN_ONE_LETTER_MAX);
    const account = await findAccount(tx, accountId);
    if (account !== undefined && news.length > 0) {
      const named = news.flatMap(({ recipients }) => recipients?.userIds ?? []);
      for (const reader of await findReadersOfLetters(tx, accountId, [...new Set(named)])) {
        const theirs = news.filter(({ recipients }) => isFor(recipients, reader));
        if (theirs.length > 0) await post.post(tx, letterOf(theirs, reader, account.name));
      }
    }
    await setWritten(
      tx,
      news.map(({ id }) => id),
      now,
    );
  });
}

export async function writeAllGathered(writing: Writing, signal: AbortSignal): Promise<void> {
  const { db, clock } = writing;
  const now = clock();
  const [since, urgentSince] = [before(now, GATHERED_MS), before(now, URGENT_GATHERED_MS)];
  for (const accountId of await findAccountsToWriteTo(db, { since, urgentSince }, ACCOUNTS_MAX)) {
    signal.throwIfAborted();
    await write(writing, accountId);
  }
}

function before(now: Date, ms: number): Date {
  return new Date(now.getTime() - ms);
}

function letterOf(news: readonly News[], { email, isInCharge }: ReaderOfLetters, accountName: string): Letter {
  const [first] = news;
  const subject =
    news.length === 1 && first !== undefined ? first.subject : `${news.length} messages about ${accountName}`;
  return {
    to: email,
    subject,
    paragraphs: [
      "Hello,",
      ...news.flatMap((one, index) => paragraphsOf(one, news.length === 1 ? undefined : index + 1)),
    ],
    closing: isInCharge
      ? `You get this because you are an owner or an admin of ${accountName}.`
      : `You get this because ${accountName} has named you for it.`,
  };
}

/** Numbered, where there are several. */
function paragraphsOf({ subject, body }: News, number: number | undefined): readonly string[] {
  return [...(number === undefined ? [] : [`${number}. ${subject}`]), ...body.split("\n\n")];
}
