// Accounts come into being with their owner, get another name or owner, and end when nothing lives in them.
import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { Problem } from "../../../platform/problem.ts";
import type { PageQuery } from "../../database/paging.ts";
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import type { Actor, Caller, UserCaller } from "../../http/caller.ts";
import { forbidden, invalidRequest } from "../../http/problems.ts";
import { differences, recordAudit } from "../audit/index.ts";
import { revokeAllInvitations, revokeInvitationsOutOfReach } from "./invitation-store.ts";
import { accountInUse, tooManyAccounts } from "./problems.ts";
import { type AccountOfUserRow, findAccountsOfUser, findLiveDistributions } from "./read-model.ts";
import { rolesOutOfReach } from "./rules.ts";
import type { AccountInput, accountReply, PatchAccountInput } from "./schema.ts";
import {
  type AccountRecord,
  countOwned,
  deleteMembershipsOfAccount,
  findAccount,
  findMembership,
  holdAccount,
  insertAccount,
  insertMembership,
  lockAccount,
  lockAccountWholly,
  type MembershipRecord,
  updateAccount,
  updateRole,
} from "./store.ts";

const OWNED_MAX = 20;
const NAMED_IN_THE_WAY_MAX = 10;

export type AccountService = ReturnType<typeof createAccountService>;

/** Throws when it is not what the caller has read: asked under the row's lock, before anything is written. */
type AssertUnchanged = (current: AccountRecord) => void;

export function createAccountService({ db, clock }: { db: Database; clock: () => Date }) {
  async function create(caller: UserCaller, { name }: AccountInput): Promise<AccountRecord> {
    return inTransaction(db, async (tx) => {
      if ((await countOwned(tx, caller.userId)) >= OWNED_MAX) {
        throw new Problem(tooManyAccounts, `One person owns up to ${OWNED_MAX}: delete or hand over one first.`);
      }
      return createAccount(tx, caller, { name, ownerId: caller.userId, now: clock() });
    });
  }

  async function get(caller: Pick<Caller, "accountId">): Promise<AccountRecord> {
    return assertFound(await findAccount(db, caller.accountId));
  }

  async function list(caller: UserCaller, page: PageQuery): Promise<readonly AccountOfUserRow[]> {
    return findAccountsOfUser(db, caller.userId, page);
  }

  async function update(
    caller: Caller,
    patch: PatchAccountInput,
    assertUnchanged: AssertUnchanged,
  ): Promise<AccountRecord> {
    return inTransaction(db, async (tx) => {
      const account = assertFound(await lockAccount(tx, caller.accountId));
      assertUnchanged(account);
      const changed = { name: patch.name ?? account.name };
      const changes = differences({ name: account.name }, changed);
      if (changes.length === 0) return account;
      const now = clock();
      await updateAccount(tx, account.id, { ...changed, updatedAt: now });
      await recordAudit(tx, caller, { action: "account.update", ...auditedAs(account.id), changes });
      return { ...account, ...changed, updatedAt: now };
    });
  }

  /** The member becomes an owner, and the owner who says so an admin. */
  async function transfer(caller: Caller, userId: string): Promise<void> {
    await inTransaction(db, async (tx) => {
      const { accountId } = caller;
      const giver = await lockCallersMembership(tx, caller);
      if (giver.role !== "owner") throw forbidden("Only an owner hands the account over.");
      const taker = await findMembership(tx, { userId, accountId });
      const fault = taker === undefined ? "is no member of this account: invite them first." : "is yourself.";
      if (taker === undefined || taker.id === giver.id) throw invalidRequest([{ pointer: "/user_id", detail: fault }]);
      await updateRole(tx, taker, "owner");
      await updateRole(tx, giver, "admin");
      await revokeInvitationsOutOfReach(tx, giver, rolesOutOfReach("admin"), clock());
      await recordAudit(tx, caller, {
        action: "account.transfer",
        ...auditedAs(accountId),
        changes: [
          ...differences({ [giver.userId]: "owner" }, { [giver.userId]: "admin" }, "/members"),
          ...differences({ [taker.userId]: taker.role }, { [taker.userId]: "owner" }, "/members"),
        ],
      });
    });
  }

  /** The row stays for what refers to it; nobody belongs to it any more. */
  async function remove(caller: Caller, assertUnchanged: AssertUnchanged): Promise<void> {
    await inTransaction(db, async (tx) => {
      const { accountId } = caller;
      const account = assertFound(await lockAccountWholly(tx, accountId));
      const membership = await findMembership(tx, { userId: caller.userId, accountId });
      if (membership?.role !== "owner") throw forbidden("Only an owner deletes the account.");
      assertUnchanged(account);
      await assertEmpty(tx, accountId);
      const now = clock();
      await updateAccount(tx, accountId, { deletedAt: now, updatedAt: now });
      await revokeAllInvitations(tx, accountId, now);
      await deleteMembershipsOfAccount(tx, accountId);
      const changes = differences({ name: account.name }, {});
      await recordAudit(tx, caller, { action: "account.delete", ...auditedAs(accountId), changes });
    });
  }

  return { create, get, list, update, transfer, remove };
}

async function assertEmpty(tx: Tx, accountId: string): Promise<void> {
  const { count, some } = await findLiveDistributions(tx, accountId, NAMED_IN_THE_WAY_MAX);
  if (count === 0) return;
  const detail =
    count === 1 ? "It has a distribution: delete that first." : `It has ${count} distributions: delete those first.`;
  const errors = some.map(({ id, domain }) => ({ pointer: `/distributions/${id}`, detail: `serves ${domain}.` }));
  throw new Problem(accountInUse, detail, { errors });
}

/** Whoever adds something that lives in the account asks this in the same transaction: it is not deleted meanwhile. */
export async function assertAccountLives(tx: Tx, accountId: string): Promise<void> {
  if (!(await holdAccount(tx, accountId))) throw accountGone();
}

/** The account's row is held, so that what the caller may do now stays so until the transaction ends. */
export async function lockCallersMembership(tx: Tx, caller: Caller): Promise<MembershipRecord> {
  await lockAccount(tx, caller.accountId);
  return assertFound(await findMembership(tx, { userId: caller.userId, accountId: caller.accountId }));
}

/** Between recognising the caller and now the account was deleted, or the caller removed from it. */
function accountGone(): Problem {
  return forbidden("You do not belong to this account any more.");
}

function assertFound<Found>(found: Found | undefined): Found {
  if (found === undefined) throw accountGone();
  return found;
}

function auditedAs(accountId: string) {
  return { accountId, resourceType: "account", resourceId: accountId };
}

export async function createAccount(
  tx: Tx,
  actor: Actor,
  { name, ownerId, now }: { name: string; ownerId: string; now: Date },
): Promise<AccountRecord> {
  const account = await insertAccount(tx, { id: randomUUID(), name, createdAt: now, updatedAt: now });
  await insertMembership(tx, { accountId: account.id, userId: ownerId, role: "owner", createdAt: now });
  const changes = differences({ members: {} }, { name, members: { [ownerId]: "owner" } });
  await recordAudit(tx, actor, { action: "account.create", ...auditedAs(account.id), changes });
  return account;
}

export function accountToReply(account: AccountRecord): z.input<typeof accountReply> {
  return { id: account.id, name: account.name, created_at: account.createdAt.toISOString() };
}
