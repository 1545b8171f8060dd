// Which job does what, and what recurs: for the worker and the scheduler role.
import { type Database, inTransaction } from "../../database/transaction.ts";
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { every, type Schedule } from "../../jobs/schedule.ts";
import type { Mailer } from "../mail/index.ts";
import { deleteExpiredNonces } from "./ethereum/store.ts";
import { deleteExpired, sendEmailVerification, sendPasswordReset } from "./jobs.ts";
import { resetLetter, verificationLetter } from "./letters.ts";
import { deleteExpiredOneTimeTokens } from "./one-time-token/store.ts";
import { makeMailedToken } from "./one-time-token/tokens.ts";
import { deleteExpiredSessions } from "./session/store.ts";
import { findUserByEmail, lockUser } from "./user/store.ts";

const DELETE_EXPIRED_EVERY_MS = 10 * 60_000;

interface AuthWorkerSettings {
  readonly db: Database;
  readonly clock: () => Date;
  readonly mailer: Mailer;
  readonly publicUrl: URL;
}

export function authHandlers({ db, clock, mailer, publicUrl }: AuthWorkerSettings): JobHandler[] {
  async function mailVerification(job: { user_id: string; email: string; cause: string }, signal: AbortSignal) {
    const { email, cause } = job;
    const letter = await inTransaction(db, async (tx) => {
      const user = await lockUser(tx, job.user_id);
      // The address has changed since, or is confirmed.
      if (user === undefined || user.email !== email || user.emailVerifiedAt !== null) return undefined;
      const wanted = { purpose: "verify-email", userId: user.id, email, cause, now: clock() } as const;
      const token = await makeMailedToken(tx, wanted);
      return token && verificationLetter({ to: email, username: user.username }, token, publicUrl);
    });
    if (letter) await mailer.send(letter, { id: cause, signal });
  }

  async function mailReset({ email, cause }: { email: string; cause: string }, signal: AbortSignal) {
    const letter = await inTransaction(db, async (tx) => {
      const found = await findUserByEmail(tx, email);
      const user = found && (await lockUser(tx, found.id));
      if (user === undefined || user.email === null) return undefined;
      const wanted = { purpose: "reset-password", userId: user.id, email: user.email, cause, now: clock() } as const;
      const token = await makeMailedToken(tx, wanted);
      return token && resetLetter({ to: user.email, username: user.username }, token, publicUrl);
    });
    if (letter) await mailer.send(letter, { id: cause, signal });
  }

  async function sweep() {
    await inTransaction(db, async (tx) => {
      const now = clock();
      await deleteExpiredSessions(tx, now);
      await deleteExpiredOneTimeTokens(tx, now);
      await deleteExpiredNonces(tx, now);
    });
  }

  return [
    handleJob(sendEmailVerification, mailVerification),
    handleJob(sendPasswordReset, mailReset),
    handleJob(deleteExpired, sweep),
  ];
}

export const authSchedules: readonly Schedule[] = [every(DELETE_EXPIRED_EVERY_MS, deleteExpired, {})];
