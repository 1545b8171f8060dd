// Changing a password, and getting a new one for a forgotten one. Both end every session there was.
import { randomUUID } from "node:crypto";
import { Problem } from "../../../../platform/problem.ts";
import { type Database, inTransaction, type Tx } from "../../../database/transaction.ts";
import type { Actor, UserCaller } from "../../../http/caller.ts";
import { invalidRequest, unauthorized } from "../../../http/problems.ts";
import { enqueueJob } from "../../../jobs/outbox.ts";
import { recordAudit } from "../../audit/index.ts";
import type { Post } from "../../mail/index.ts";
import { sendPasswordReset } from "../jobs.ts";
import { newsLetter } from "../letters.ts";
import { deleteOneTimeTokens } from "../one-time-token/store.ts";
import { getOneTimeToken, usedUp, useOneTimeToken } from "../one-time-token/tokens.ts";
import { passwordWrong } from "../problems.ts";
import type { Sessions } from "../session/sessions.ts";
import type { IssuedToken } from "../token.ts";
import { findUser, lockUser, type UserRecord, updateUser } from "../user/store.ts";
import { actorOf, type Visit } from "../visit.ts";
import type { Passwords } from "./passwords.ts";
import type { OwnerProof } from "./proof.ts";
import type { ChangePasswordInput, ResetPasswordInput } from "./schema.ts";

const purpose = "reset-password";

interface PasswordSettings {
  readonly db: Database;
  readonly clock: () => Date;
  readonly passwords: Passwords;
  readonly proof: OwnerProof;
  readonly sessions: Sessions;
  readonly post: Post;
}

export function createPasswordService({ db, clock, passwords, proof, sessions, post }: PasswordSettings) {
  async function change(caller: UserCaller, input: ChangePasswordInput, visit: Visit): Promise<IssuedToken> {
    const user = await findUser(db, caller.userId);
    if (user === undefined) throw unauthorized("The token's user is gone.");
    await proof.assert(caller, user, { field: "current_password", password: input.current_password });
    if (input.new_password === input.current_password) {
      throw invalidRequest([{ pointer: "/new_password", detail: "must be another one than before." }]);
    }
    const passwordHash = await passwords.hash(input.new_password);
    const token = await sessions.prepare(user.id);
    await inTransaction(db, async (tx) => {
      // Two changes at once: the second one's proof is of a password that is no more.
      const locked = await lockUser(tx, user.id);
      if (locked?.passwordHash !== user.passwordHash) throw changedMeanwhile();
      await replace(tx, caller, locked, { passwordHash, action: "user.change-password" });
      await sessions.begin(tx, token, { method: "password", visit });
    });
    return token;
  }

  /** Says and does the same whoever the address belongs to. */
  function forget(email: string): Promise<void> {
    return inTransaction(db, (tx) => enqueueJob(tx, sendPasswordReset, { email, cause: randomUUID() }));
  }

  async function reset({ token, password }: ResetPasswordInput, visit: Visit): Promise<void> {
    await assertGood(token);
    const passwordHash = await passwords.hash(password);
    await inTransaction(db, async (tx) => {
      const now = clock();
      const { userId, email } = await useOneTimeToken(tx, { token, purpose, now });
      const user = await lockUser(tx, userId);
      if (user === undefined || user.email !== email) throw usedUp();
      // Whoever has the token has read the mail.
      const emailVerifiedAt = user.emailVerifiedAt ?? now;
      await replace(tx, actorOf(userId, visit), user, { passwordHash, emailVerifiedAt, action: "user.reset-password" });
    });
  }

  /** Before somebody thinks of a new password in vain. */
  async function assertGood(token: string): Promise<void> {
    await getOneTimeToken(db, { token, purpose, now: clock() });
  }

  async function replace(
    tx: Tx,
    actor: Actor,
    user: UserRecord,
    { action, ...changes }: Pick<UserRecord, "passwordHash"> & { emailVerifiedAt?: Date; action: string },
  ): Promise<void> {
    await updateUser(tx, user.id, { ...changes, updatedAt: clock() });
    await deleteOneTimeTokens(tx, user.id, [purpose, "log-in"]);
    await sessions.endAll(tx, actor, user.id);
    await recordAudit(tx, actor, {
      action,
      accountId: null,
      resourceType: "user",
      resourceId: user.id,
      changes: [{ pointer: "/password", ...(user.passwordHash === null ? {} : { before: "(set)" }), after: "(set)" }],
    });
    if (user.email !== null && user.emailVerifiedAt !== null) {
      await post.post(tx, newsLetter({ to: user.email, username: user.username }, "password-changed"));
    }
  }

  return { change, forget, reset, assertGood };
}

function changedMeanwhile(): Problem {
  return new Problem(passwordWrong, "It was changed a moment ago: give the new one.");
}
