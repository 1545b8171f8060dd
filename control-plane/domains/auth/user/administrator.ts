// The platform's administrator: made at the first start, and whom commands on this machine act for.
import { randomUUID } from "node:crypto";
import { type Database, inTransaction } from "../../../database/transaction.ts";
import { platformActor } from "../../../http/caller.ts";
import { findMembership, type MembershipRecord } from "../../account/index.ts";
import type { Passwords } from "../password/passwords.ts";
import { createPerson } from "./person.ts";
import { findAdministrator, type UserRecord } from "./store.ts";

export function createAdministrators({
  db,
  clock,
  passwords,
}: {
  db: Database;
  clock: () => Date;
  passwords: Passwords;
}) {
  /** The platform's administrator, made if there is none. Undefined: there was one already. */
  async function ensureAdministrator(person: { email: string; password: string }): Promise<UserRecord | undefined> {
    const passwordHash = await passwords.hash(person.password);
    return inTransaction(db, async (tx) => {
      // Two first starts on one database take turns.
      await tx.raw("select pg_advisory_xact_lock(hashtextextended('first administrator', 0))");
      if ((await findAdministrator(tx)) !== undefined) return undefined;
      const admin = {
        id: randomUUID(),
        username: "admin",
        email: person.email,
        passwordHash,
        platformRole: "admin" as const,
      };
      return (await createPerson(tx, admin, { now: clock(), actor: platformActor })).user;
    });
  }

  /** For commands on this machine, which act for the operator's own account. */
  async function findOperator(): Promise<{ user: UserRecord; membership: MembershipRecord } | undefined> {
    const user = await findAdministrator(db);
    const membership = user === undefined ? undefined : await findMembership(db, { userId: user.id });
    return user === undefined || membership === undefined ? undefined : { user, membership };
  }

  return { ensureAdministrator, findOperator };
}
