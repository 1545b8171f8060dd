// Whether an address is the person's: a mailed token comes back.
import { randomUUID } from "node:crypto";
import { Problem } from "../../../../platform/problem.ts";
import { type Database, inTransaction, type Tx } from "../../../database/transaction.ts";
import type { UserCaller } from "../../../http/caller.ts";
import { enqueueJob } from "../../../jobs/outbox.ts";
import { recordAudit } from "../../audit/index.ts";
import { sendEmailVerification } from "../jobs.ts";
import { deleteOneTimeTokens } from "../one-time-token/store.ts";
import { getOneTimeToken, usedUp, useOneTimeToken } from "../one-time-token/tokens.ts";
import { nothingToVerify } from "../problems.ts";
import { lockUser, type UserRecord, updateUser } from "../user/store.ts";
import { actorOf, type Visit } from "../visit.ts";

const purpose = "verify-email";

export function createEmailVerification({ db, clock }: { db: Database; clock: () => Date }) {
  /** Another mail, for who did not get the first. */
  function sendAgain(caller: UserCaller): Promise<void> {
    return inTransaction(db, async (tx) => {
      const user = await lockUser(tx, caller.userId);
      if (user === undefined || user.email === null || user.emailVerifiedAt !== null) {
        throw new Problem(nothingToVerify, "Your address is confirmed already, or you have none.");
      }
      await askToVerify(tx, user);
    });
  }

  async function verify(token: string, visit: Visit): Promise<void> {
    await inTransaction(db, async (tx) => {
      const now = clock();
      const { userId, email } = await useOneTimeToken(tx, { token, purpose, now });
      const user = await lockUser(tx, userId);
      if (user === undefined || user.email !== email) throw usedUp();
      await updateUser(tx, userId, { emailVerifiedAt: now, updatedAt: now });
      await deleteOneTimeTokens(tx, userId, [purpose]);
      await recordAudit(tx, actorOf(userId, visit), {
        action: "user.verify-email",
        accountId: null,
        resourceType: "user",
        resourceId: userId,
        changes: [{ pointer: "/email_verified", before: user.emailVerifiedAt !== null, after: true }],
      });
    });
  }

  /** The address that the token is for. */
  async function addressOf(token: string): Promise<string> {
    const { email } = await getOneTimeToken(db, { token, purpose, now: clock() });
    if (email === null) throw usedUp();
    return email;
  }

  return { sendAgain, verify, addressOf };
}

/** The mail goes out when the transaction is committed. */
export async function askToVerify(tx: Tx, { id, email }: Pick<UserRecord, "id" | "email">): Promise<void> {
  if (email !== null) await enqueueJob(tx, sendEmailVerification, { user_id: id, email, cause: randomUUID() });
}
