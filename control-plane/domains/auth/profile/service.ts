// A person's own profile. Another e-mail address takes the password, and counts as theirs once it is confirmed.
import { Problem } from "../../../../platform/problem.ts";
import { type Database, inTransaction, type Tx } from "../../../database/transaction.ts";
import type { UserCaller } from "../../../http/caller.ts";
import { failedPrecondition, unauthorized } from "../../../http/problems.ts";
import { differences, recordAudit } from "../../audit/index.ts";
import type { Post } from "../../mail/index.ts";
import { askToVerify } from "../email/verification.ts";
import { newsLetter } from "../letters.ts";
import { deleteOneTimeTokens } from "../one-time-token/store.ts";
import type { OwnerProof } from "../password/proof.ts";
import { takenBySomebody } from "../user/person.ts";
import { userToReply } from "../user/reply.ts";
import { findUser, lockUser, type UserChanges, type UserRecord, updateUser } from "../user/store.ts";
import type { ProfileInput } from "./schema.ts";

interface ProfileSettings {
  readonly db: Database;
  readonly clock: () => Date;
  readonly proof: OwnerProof;
  readonly post: Post;
}

export function createProfileService({ db, clock, proof, post }: ProfileSettings) {
  async function get(caller: UserCaller): Promise<UserRecord> {
    return (await findUser(db, caller.userId)) ?? gone();
  }

  /** `assertUnchanged` throws when it is not what the caller has read. */
  async function update(
    caller: UserCaller,
    { password, ...input }: ProfileInput,
    assertUnchanged: (current: UserRecord) => void,
  ): Promise<UserRecord> {
    const before = await get(caller);
    const isNewAddress = input.email !== undefined && input.email !== before.email;
    if (isNewAddress) await proof.assert(caller, before, { field: "password", password });
    return inTransaction(db, async (tx) => {
      const user = (await lockUser(tx, caller.userId)) ?? gone();
      assertUnchanged(user);
      // What the password was asked for, or not asked for, must still be what happens.
      if (input.email !== undefined && user.email !== before.email) throw changedMeanwhile();
      const now = clock();
      const changes = changesOf(user, input);
      const changed = { ...user, ...changes };
      const seen = differences(userToReply(user), userToReply(changed));
      if (seen.length === 0) return user;
      const taken = await updateUser(tx, user.id, { ...changes, updatedAt: now });
      if (taken !== undefined) throw takenBySomebody(taken);
      if (changed.email !== user.email) await moveAddress(tx, user, changed);
      await recordAudit(tx, caller, {
        action: "user.update",
        accountId: null,
        resourceType: "user",
        resourceId: user.id,
        changes: seen,
      });
      return { ...changed, updatedAt: now };
    });
  }

  /** Links that were mailed to the former address end with it. */
  async function moveAddress(tx: Tx, before: UserRecord, after: UserRecord): Promise<void> {
    await deleteOneTimeTokens(tx, before.id, ["verify-email", "reset-password"]);
    await askToVerify(tx, after);
    if (before.email !== null && before.emailVerifiedAt !== null) {
      await post.post(tx, newsLetter({ to: before.email, username: before.username }, "email-changed"));
    }
  }

  return { get, update };
}

function changesOf(
  user: UserRecord,
  { avatar_url: avatarUrl, email, ...rest }: Omit<ProfileInput, "password">,
): UserChanges {
  const isNewAddress = email !== undefined && email !== user.email;
  return {
    ...given(rest),
    ...(avatarUrl === undefined ? {} : { avatarUrl }),
    ...(isNewAddress ? { email, emailVerifiedAt: null } : {}),
  };
}

function given({ username, name, bio }: Pick<ProfileInput, "username" | "name" | "bio">): UserChanges {
  return {
    ...(username === undefined ? {} : { username }),
    ...(name === undefined ? {} : { name }),
    ...(bio === undefined ? {} : { bio }),
  };
}

function changedMeanwhile(): Problem {
  return new Problem(failedPrecondition, "Your address has changed a moment ago: read the profile again.");
}

function gone(): never {
  throw unauthorized("The token's user is gone.");
}
