// What a person logs in with besides a password: wallets, and names at other issuers. Whoever comes with one that nobody
// has becomes a new person.
import { randomBytes, randomUUID } from "node:crypto";
import { Problem } from "../../../../platform/problem.ts";
import { type Database, inTransaction, type Tx } from "../../../database/transaction.ts";
import type { Actor, UserCaller } from "../../../http/caller.ts";
import { recordAudit } from "../../audit/index.ts";
import { identityTaken, lastWayIn, tooManyIdentities, unknownIdentity } from "../problems.ts";
import { createPersonIfFree, type NewPerson } from "../user/person.ts";
import { lockUser } from "../user/store.ts";
import {
  deleteIdentity,
  type IdentityKey,
  type IdentityRecord,
  insertIdentity,
  listIdentities,
  lockIdentity,
} from "./store.ts";

const IDENTITIES_MAX = 10;
const UNLIKELY_BYTES = 10;

/** Who somebody becomes that nobody knows yet. */
export interface Stranger {
  readonly id: string;
  /** In the order in which they would like them. */
  readonly names: readonly string[];
  /** One that is known to be theirs. */
  readonly email?: string;
  readonly name?: string;
}

export type Identities = ReturnType<typeof createIdentities>;

export function createIdentities({ db, clock }: { db: Database; clock: () => Date }) {
  function list({ userId }: UserCaller): Promise<IdentityRecord[]> {
    return listIdentities(db, userId);
  }

  /** The person logs in with it from now on. Nothing happens when they do already. */
  async function link(tx: Tx, actor: Actor, userId: string, key: IdentityKey): Promise<IdentityRecord> {
    const held = await lockIdentity(tx, key);
    if (held?.userId === userId) return held;
    if (held !== undefined) throw new Problem(identityTaken, "Somebody else logs in with this one.");
    // The count is of one person: their links go one by one.
    await lockUser(tx, userId);
    if ((await listIdentities(tx, userId)).length >= IDENTITIES_MAX) {
      throw new Problem(tooManyIdentities, `A person has up to ${IDENTITIES_MAX}: remove one first.`);
    }
    const identity = { id: randomUUID(), userId, ...key, createdAt: clock() };
    await insertIdentity(tx, identity);
    await record(tx, actor, "identity.create", identity);
    return identity;
  }

  function remove(caller: UserCaller, id: string): Promise<void> {
    return inTransaction(db, async (tx) => {
      const user = await lockUser(tx, caller.userId);
      const all = await listIdentities(tx, caller.userId);
      const identity = all.find((one) => one.id === id);
      if (identity === undefined) throw new Problem(unknownIdentity, "You log in with nothing of this id.");
      if (all.length === 1 && (user?.passwordHash ?? null) === null) {
        throw new Problem(lastWayIn, "You could not log in again: set a password first.");
      }
      await deleteIdentity(tx, id);
      await record(tx, caller, "identity.delete", identity);
    });
  }

  /** A new person with an account of their own, who has nothing but this to log in with. */
  async function welcome(tx: Tx, actor: Actor, key: IdentityKey, { id, names, ...known }: Stranger): Promise<void> {
    const now = clock();
    const person = {
      id,
      email: known.email ?? null,
      name: known.name ?? null,
      emailVerifiedAt: known.email ? now : null,
    };
    await createPersonNamed(tx, names, person, { now, actor });
    await link(tx, actor, id, key);
  }

  return { list, link, welcome, remove };
}

/** With the first of these names that is free, or one that nobody thinks of. */
async function createPersonNamed(
  tx: Tx,
  names: readonly string[],
  person: Omit<NewPerson, "username" | "passwordHash" | "platformRole">,
  context: { now: Date; actor: Actor },
): Promise<void> {
  const unlikely = `user-${randomBytes(UNLIKELY_BYTES).toString("hex")}`;
  for (const username of [...names, unlikely]) {
    const whole = { ...person, username, passwordHash: null, platformRole: "user" } as const;
    const created = await createPersonIfFree(tx, whole, context);
    if (typeof created !== "string") return;
  }
  throw new Problem(identityTaken, "Somebody has this address already.");
}

async function record(tx: Tx, actor: Actor, action: "identity.create" | "identity.delete", identity: IdentityRecord) {
  const { id, userId, kind, issuer, subject } = identity;
  const value = { kind, issuer, subject };
  const change = action === "identity.create" ? { after: value } : { before: value };
  await recordAudit(tx, actor, {
    action,
    accountId: null,
    resourceType: "user",
    resourceId: userId,
    changes: [{ pointer: `/identities/${id}`, ...change }],
  });
}
