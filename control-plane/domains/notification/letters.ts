// Letters to the owners and admins of an account. The first is written at once; what follows within a quarter of an hour is
// gathered into one, so that however much happens at a time fills nobody's box, and nothing is left out.
import { type Database, inTransaction } from "../../database/transaction.ts";
import { findAccount, findPeopleInCharge } from "../account/index.ts";
import type { Letter, Post } from "../mail/index.ts";
import {
  findAccountsToWriteTo,
  findUnwritten,
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

const GATHERED_MS = 15 * 60 * 1000;
/** More of them wait for the next letter. */
const IN_ONE_LETTER_MAX = 100;
const ACCOUNTS_MAX = 500;

type News = Pick<NotificationRecord, "subject" | "body">;

/** In one transaction with the mark that they are written: a worker that dies in the middle has written none of them. */
export async function write({ db, post, clock }: Writing, accountId: string): Promise<void> {
  await inTransaction(db, async (tx) => {
    await lockLetters(tx, accountId);
    const now = clock();
    if (await wasWrittenSince(tx, accountId, gatheredSince(now))) return;
    const news = await findUnwritten(tx, accountId, IN_ONE_LETTER_MAX);
    const account = await findAccount(tx, accountId);
    if (account !== undefined && news.length > 0) {
      for (const email of await findPeopleInCharge(tx, accountId)) {
        await post.post(tx, letterOf(news, { email, accountName: account.name }));
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
  for (const accountId of await findAccountsToWriteTo(db, gatheredSince(clock()), ACCOUNTS_MAX)) {
    signal.throwIfAborted();
    await write(writing, accountId);
  }
}

function gatheredSince(now: Date): Date {
  return new Date(now.getTime() - GATHERED_MS);
}

function letterOf(news: readonly News[], { email, accountName }: { email: string; accountName: string }): Letter {
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
    closing: `You get this because you are an owner or an admin of ${accountName}.`,
  };
}

/** Numbered, where there are several. */
function paragraphsOf({ subject, body }: News, number: number | undefined): readonly string[] {
  return [...(number === undefined ? [] : [`${number}. ${subject}`]), ...body.split("\n\n")];
}
