// A person comes into being with an account of their own.
import { Problem } from "../../../../platform/problem.ts";
import type { Tx } from "../../../database/transaction.ts";
import type { Actor } from "../../../http/caller.ts";
import { type AccountRecord, createAccount } from "../../account/index.ts";
import { recordAudit } from "../../audit/index.ts";
import { identityTaken } from "../problems.ts";
import { insertUser, type UniqueField, type UserRecord } from "./store.ts";

export type NewPerson = Pick<UserRecord, "id" | "username" | "email" | "passwordHash" | "platformRole"> &
  Partial<Pick<UserRecord, "emailVerifiedAt" | "name">>;

export interface CreatedPerson {
  readonly user: UserRecord;
  readonly account: AccountRecord;
}

/** `actor`: who creates them; often they themselves. */
export async function createPerson(
  tx: Tx,
  person: NewPerson,
  context: { now: Date; actor: Actor },
): Promise<CreatedPerson> {
  const created = await createPersonIfFree(tx, person, context);
  if (typeof created === "string") throw takenBySomebody(created);
  return created;
}

/** The field that somebody else has, when that is in the way. */
export async function createPersonIfFree(
  tx: Tx,
  person: NewPerson,
  { now, actor }: { now: Date; actor: Actor },
): Promise<CreatedPerson | UniqueField> {
  const unsuspended = { suspendedAt: null, suspensionReason: null };
  const blank = { emailVerifiedAt: null, name: null, bio: null, avatarUrl: null, ...unsuspended };
  const user = { ...blank, ...person, createdAt: now, updatedAt: now };
  const taken = await insertUser(tx, user);
  if (taken !== undefined) return taken;
  await recordAudit(tx, actor, {
    action: "user.create",
    accountId: null,
    resourceType: "user",
    resourceId: user.id,
    changes: [
      { pointer: "/username", after: user.username },
      ...(user.email === null ? [] : [{ pointer: "/email", after: user.email }]),
    ],
  });
  const account = await createAccount(tx, actor, { name: person.username, ownerId: user.id, now });
  return { user, account };
}

export function takenBySomebody(field: UniqueField): Problem {
  return new Problem(identityTaken, `Choose another ${field}.`, {
    errors: [{ pointer: `/${field}`, detail: "is in use by somebody." }],
  });
}
