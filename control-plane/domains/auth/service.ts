// People register, log in and are recognised. A token says who; the membership in the database says what they may do.
import { randomUUID } from "node:crypto";
import bcrypt from "bcrypt";
import { Problem } from "../../../platform/problem.ts";
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import { unauthorized } from "../../http/problems.ts";
import { type AccountRecord, createAccount, findMembership, type MembershipRecord } from "../account/index.ts";
import { identityTaken, loginRefused } from "./problems.ts";
import { PASSWORD_BYTES_MAX, type RegisterInput } from "./schema.ts";
import { findAdministrator, findUser, findUserByLogin, insertUser, type UserRecord } from "./store.ts";
import type { IssuedToken, Tokens } from "./token.ts";

const BCRYPT_COST = 11;

export type AuthService = ReturnType<typeof createAuthService>;

export function createAuthService({ db, clock, tokens }: { db: Database; clock: () => Date; tokens: Tokens }) {
  // Compared against when there is no such user, so that the answer takes as long as for one that exists.
  const decoy = bcrypt.hash(randomUUID(), BCRYPT_COST);

  async function register(input: RegisterInput): Promise<{ user: UserRecord; account: AccountRecord } & IssuedToken> {
    const passwordHash = await bcrypt.hash(input.password, BCRYPT_COST);
    const person = { username: input.username, email: input.email, passwordHash, platformRole: "user" as const };
    const created = await inTransaction(db, (tx) => createPerson(tx, person, clock()));
    return { ...created, ...(await tokens.issue(created.user.id)) };
  }

  async function logIn(login: string, password: string): Promise<IssuedToken> {
    const user = await findUserByLogin(db, login);
    const isRight = await bcrypt.compare(password, user?.passwordHash ?? (await decoy));
    // bcrypt compares no further: what follows would be anything at all.
    if (user === undefined || !isRight || Buffer.byteLength(password) > PASSWORD_BYTES_MAX)
      throw new Problem(loginRefused, "No user has this log-in and password.");
    return tokens.issue(user.id);
  }

  /** Whom a token names. */
  async function recogniseUser(token: string): Promise<{ user: UserRecord; sessionId: string }> {
    const { userId, sessionId } = await tokens.verify(token);
    const user = await findUser(db, userId);
    if (user === undefined) throw unauthorized("The token's user is gone.");
    return { user, sessionId };
  }

  /** Whom a token names, and the membership that they act by: undefined when they have none (of this account). */
  async function recognise(
    token: string,
    accountId: string | undefined,
  ): Promise<{ user: UserRecord; membership: MembershipRecord } | undefined> {
    const { user } = await recogniseUser(token);
    const membership = await findMembership(db, { userId: user.id, accountId });
    return membership === undefined ? undefined : { user, membership };
  }

  /** The platform's administrator, made if there is none. Undefined: there was one already. */
  async function ensureAdministrator(person: { email: string; password: string }): Promise<UserRecord | undefined> {
    const passwordHash = await bcrypt.hash(person.password, BCRYPT_COST);
    return inTransaction(db, async (tx) => {
      // Two first starts on one database take turns.
      await tx.raw("select pg_advisory_xact_lock(hashtextextended('first administrator', 0))");
      if ((await findAdministrator(tx)) !== undefined) return undefined;
      const admin = { username: "admin", email: person.email, passwordHash, platformRole: "admin" as const };
      return (await createPerson(tx, admin, clock())).user;
    });
  }

  /** For commands on this machine, which act for the operator's own account. */
  async function findOperator(): Promise<{ user: UserRecord; membership: MembershipRecord } | undefined> {
    const user = await findAdministrator(db);
    const membership = user === undefined ? undefined : await findMembership(db, { userId: user.id });
    return user === undefined || membership === undefined ? undefined : { user, membership };
  }

  return {
    register,
    logIn,
    recognise,
    recogniseUser,
    ensureAdministrator,
    findOperator,
    find: (id: string) => findUser(db, id),
  };
}

async function createPerson(
  tx: Tx,
  person: Pick<UserRecord, "username" | "email" | "passwordHash" | "platformRole">,
  now: Date,
): Promise<{ user: UserRecord; account: AccountRecord }> {
  const user = { id: randomUUID(), ...person, createdAt: now, updatedAt: now };
  const taken = await insertUser(tx, user);
  if (taken !== undefined) {
    throw new Problem(identityTaken, `Choose another ${taken}.`, {
      errors: [{ pointer: `/${taken}`, detail: "is in use by somebody." }],
    });
  }
  const account = await createAccount(tx, { name: person.username, ownerId: user.id, now });
  return { user, account };
}
