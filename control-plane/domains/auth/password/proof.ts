// A token alone must not be enough to take a person over: what decides how they log in asks for their password as well, or
// of who has none for a log-in of just now.
import { Problem } from "../../../../platform/problem.ts";
import type { Database } from "../../../database/transaction.ts";
import type { UserCaller } from "../../../http/caller.ts";
import { invalidRequest } from "../../../http/problems.ts";
import { passwordWrong, recentLoginRequired } from "../problems.ts";
import { findSession } from "../session/store.ts";
import type { UserRecord } from "../user/store.ts";
import type { Passwords } from "./passwords.ts";

const RECENT_MINUTES = 10;
const RECENT_MS = RECENT_MINUTES * 60_000;

export type OwnerProof = ReturnType<typeof createOwnerProof>;

export function createOwnerProof({ db, clock, passwords }: { db: Database; clock: () => Date; passwords: Passwords }) {
  return {
    /** `field` is what the request calls the password. */
    async assert(
      caller: UserCaller,
      user: UserRecord,
      { field, password }: { field: string; password: string | undefined },
    ): Promise<void> {
      if (user.passwordHash === null) return assertRecent(caller);
      if (password === undefined) throw invalidRequest([{ pointer: `/${field}`, detail: "is required for this." }]);
      if (await passwords.matches(password, user.passwordHash)) return;
      throw new Problem(passwordWrong, "Give the password that you log in with.", {
        errors: [{ pointer: `/${field}`, detail: "is not your password." }],
      });
    },
  };

  async function assertRecent({ sessionId }: UserCaller): Promise<void> {
    const session = await findSession(db, sessionId);
    if (session !== undefined && clock().getTime() - session.createdAt.getTime() <= RECENT_MS) return;
    throw new Problem(
      recentLoginRequired,
      `Who has no password has ${RECENT_MINUTES} minutes for this after a log-in.`,
    );
  }
}
