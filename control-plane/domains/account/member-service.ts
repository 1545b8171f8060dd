// Who belongs to an account and as what. An account keeps at least one owner, whoever changes roles at the same time.
import { Problem } from "../../../platform/problem.ts";
import type { PageQuery } from "../../database/paging.ts";
import { type Database, inTransaction, type Reads, type Tx } from "../../database/transaction.ts";
import type { AccountRole, Caller } from "../../http/caller.ts";
import { forbidden } from "../../http/problems.ts";
import { differences, recordAudit } from "../audit/index.ts";
import { revokeInvitationsOutOfReach } from "./invitation-store.ts";
import { lastOwner, unknownMember } from "./problems.ts";
import { findMember, findMembers, type MemberRow } from "./read-model.ts";
import { mayManage, rolesOutOfReach } from "./rules.ts";
import { lockCallersMembership } from "./service.ts";
import { deleteMembership, findMembership, hasOtherOwner, type MembershipRecord, updateRole } from "./store.ts";

export type MemberService = ReturnType<typeof createMemberService>;

export function createMemberService({ db, clock }: { db: Database; clock: () => Date }) {
  async function list(caller: Caller, page: PageQuery): Promise<readonly MemberRow[]> {
    return findMembers(db, caller.accountId, page);
  }

  async function changeRole(caller: Caller, userId: string, role: AccountRole): Promise<MemberRow> {
    return inTransaction(db, async (tx) => {
      const manager = await lockCallersMembership(tx, caller);
      const member = await getMembership(tx, caller.accountId, userId);
      if (!mayManage(manager.role, member.role) || !mayManage(manager.role, role)) throw outOfReach(manager.role);
      if (role !== "owner") await assertOtherOwner(tx, member);
      const changes = differences({ role: member.role }, { role });
      if (changes.length > 0) {
        await updateRole(tx, member, role);
        await revokeInvitationsOutOfReach(tx, member, rolesOutOfReach(role), clock());
        await recordAudit(tx, caller, { action: "member.update", ...auditedAs(member), changes });
      }
      return getMember(tx, caller.accountId, userId);
    });
  }

  /** Anybody may leave; to remove somebody else takes the right to manage them. */
  async function remove(caller: Caller, userId: string): Promise<void> {
    await inTransaction(db, async (tx) => {
      const manager = await lockCallersMembership(tx, caller);
      if (userId !== manager.userId && !mayManage(manager.role, "viewer")) throw outOfReach(manager.role);
      const member = await getMembership(tx, caller.accountId, userId);
      if (member.id !== manager.id && !mayManage(manager.role, member.role)) throw outOfReach(manager.role);
      await assertOtherOwner(tx, member);
      await deleteMembership(tx, member);
      await revokeInvitationsOutOfReach(tx, member, rolesOutOfReach("viewer"), clock());
      const action = member.id === manager.id ? "member.leave" : "member.remove";
      const changes = differences({ role: member.role }, {});
      await recordAudit(tx, caller, { action, ...auditedAs(member), changes });
    });
  }

  return { list, changeRole, remove };
}

async function assertOtherOwner(tx: Tx, member: MembershipRecord): Promise<void> {
  if (member.role !== "owner" || (await hasOtherOwner(tx, member))) return;
  throw new Problem(lastOwner, "Make another member an owner first, or hand the account over.");
}

async function getMembership(reads: Reads, accountId: string, userId: string): Promise<MembershipRecord> {
  return (await findMembership(reads, { accountId, userId })) ?? noMember();
}

async function getMember(reads: Reads, accountId: string, userId: string): Promise<MemberRow> {
  return (await findMember(reads, accountId, { userId })) ?? noMember();
}

function noMember(): never {
  throw new Problem(unknownMember, "Nobody with this id belongs to the account.");
}

function outOfReach(role: AccountRole): Problem {
  return forbidden(
    role === "admin"
      ? "Only owners make and unmake owners."
      : `This takes the role admin in the account; yours is ${role}.`,
  );
}

function auditedAs(member: MembershipRecord) {
  return { accountId: member.accountId, resourceType: "member", resourceId: member.userId };
}
