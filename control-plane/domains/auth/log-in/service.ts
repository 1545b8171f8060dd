// People register and log in by password.
import { randomUUID } from "node:crypto";
import { Problem } from "../../../../platform/problem.ts";
import { type Database, inTransaction } from "../../../database/transaction.ts";
import { normaliseEmail } from "../../../http/email-address.ts";
import { askToVerify } from "../email/verification.ts";
import type { Passwords } from "../password/passwords.ts";
import { loginRefused } from "../problems.ts";
import type { Sessions } from "../session/sessions.ts";
import type { IssuedToken } from "../token.ts";
import { type SecondFactor, secondStepProblem } from "../totp/second-factor.ts";
import { type CreatedPerson, createPerson } from "../user/person.ts";
import { findUserByLogin, lockUser } from "../user/store.ts";
import { assertActive } from "../user/suspension.ts";
import { actorOf, noVisit, type Visit } from "../visit.ts";
import type { LoginInput, RegisterInput } from "./schema.ts";

export function createLogIns({
  db,
  clock,
  passwords,
  sessions,
  secondFactor,
}: {
  db: Database;
  clock: () => Date;
  passwords: Passwords;
  sessions: Sessions;
  secondFactor: SecondFactor;
}) {
  async function register(input: RegisterInput, visit: Visit = noVisit): Promise<CreatedPerson & IssuedToken> {
    const passwordHash = await passwords.hash(input.password);
    const { username, email } = input;
    const person = { id: randomUUID(), username, email, passwordHash, platformRole: "user" as const };
    const token = await sessions.prepare(person.id);
    return inTransaction(db, async (tx) => {
      const created = await createPerson(tx, person, { now: clock(), actor: actorOf(person.id, visit) });
      await askToVerify(tx, created.user);
      await sessions.begin(tx, token, { method: "password", visit });
      return { ...created, ...token };
    });
  }

  async function logIn({ login, password, ...given }: LoginInput, visit: Visit = noVisit): Promise<IssuedToken> {
    const user = await findUserByLogin(db, login.includes("@") ? normaliseEmail(login) : login);
    const isRight = await passwords.matches(password, user?.passwordHash);
    if (user === undefined || !isRight) throw refused();
    const token = await sessions.prepare(user.id);
    const step = await inTransaction(db, async (tx) => {
      // Whoever changes the password at this moment ends all sessions: this one must not slip in behind.
      const locked = await lockUser(tx, user.id);
      if (locked?.passwordHash !== user.passwordHash) throw refused();
      assertActive(locked);
      const passed = await secondFactor.pass(tx, user.id, given, visit);
      if (passed === "passed") await sessions.begin(tx, token, { method: "password", visit });
      return passed;
    });
    if (step !== "passed") throw secondStepProblem(step);
    return token;
  }

  return { register, logIn };
}

function refused(): Problem {
  return new Problem(loginRefused, "No user has this log-in and password.");
}
