// Invitations: a mailed token, good once and for a week, makes whoever holds it a member. What is kept of it is a hash.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { Problem } from "../../../platform/problem.ts";
import type { PageQuery } from "../../database/paging.ts";
import { type Database, inTransaction, type Reads, type Tx } from "../../database/transaction.ts";
import type { AccountRole, Actor, Caller, UserCaller } from "../../http/caller.ts";
import { forbidden } from "../../http/problems.ts";
import { differences, recordAudit } from "../audit/index.ts";
import type { Post } from "../mail/index.ts";
import type { InvitationInput, InvitationStatus } from "./invitation-schema.ts";
import {
  countInvitationsSince,
  findInvitation,
  findInvitationByToken,
  findInvitations,
  findPendingInvitation,
  type InvitationRecord,
  insertInvitation,
  type ListedInvitation,
  updateInvitation,
} from "./invitation-store.ts";
import { invitationLetter } from "./letters.ts";
import { alreadyInvited, alreadyMember, tooManyInvitations, unknownInvitation } from "./problems.ts";
import { findMember } from "./read-model.ts";
import { mayManage } from "./rules.ts";
import { lockCallersMembership } from "./service.ts";
import {
  type AccountRecord,
  findAccount,
  findMembership,
  insertMembership,
  lockAccount,
  type MembershipRecord,
} from "./store.ts";

const TOKEN_BYTES = 32;
const SECOND_MS = 1_000;
const DAY_MS = 24 * 60 * 60 * SECOND_MS;
const LIFETIME_MS = 7 * DAY_MS;
// Mail goes to people who have not asked for it: an account sends only so much.
const PER_DAY_MAX = 100;
const MAILS_MAX = 5;
const BETWEEN_MAILS_MS = 60 * SECOND_MS;

export interface InvitationSummary {
  readonly accountName: string;
  readonly invitedBy: string;
  readonly role: AccountRole;
}

export type InvitationService = ReturnType<typeof createInvitationService>;

export function createInvitationService({
  db,
  clock,
  post,
  publicUrl,
}: {
  db: Database;
  clock: () => Date;
  post: Post;
  /** Where the links of mails lead. */
  publicUrl: URL;
}) {
  async function create(caller: Caller, { email, role }: InvitationInput): Promise<InvitationRecord> {
    return inTransaction(db, async (tx) => {
      const { accountId, userId } = caller;
      assertMayInvite(await lockCallersMembership(tx, caller), role);
      if ((await findMember(tx, accountId, { email })) !== undefined) {
        throw problemOfEmail(alreadyMember, "belongs to a member: change their role instead.");
      }
      const now = clock();
      await replaceExpired(tx, accountId, email, now);
      if ((await countInvitationsSince(tx, accountId, new Date(now.getTime() - DAY_MS))) >= PER_DAY_MAX) {
        throw comeAgain(`An account sends up to ${PER_DAY_MAX} a day.`, DAY_MS);
      }
      const token = newToken();
      const invitation: InvitationRecord = {
        ...{ id: randomUUID(), accountId, email, role, status: "pending", tokenHash: hashOf(token) },
        ...{ invitedBy: userId, mails: 1, createdAt: now, mailedAt: now, endedAt: null },
        expiresAt: new Date(now.getTime() + LIFETIME_MS),
      };
      await insertInvitation(tx, invitation);
      await mail(tx, invitation, token);
      const changes = differences({}, { email, role, expires_at: invitation.expiresAt.toISOString() });
      await recordAudit(tx, caller, { action: "invitation.create", ...auditedAs(invitation), changes });
      return invitation;
    });
  }

  async function list(
    caller: Caller,
    status: InvitationStatus | undefined,
    page: PageQuery,
  ): Promise<readonly ListedInvitation[]> {
    return findInvitations(db, { accountId: caller.accountId, status, now: clock() }, page);
  }

  /** With a new token and a new week; the former link ends. */
  async function resend(caller: Caller, id: string): Promise<InvitationRecord> {
    return inTransaction(db, async (tx) => {
      const invitation = await getPending(tx, caller, id);
      const now = clock();
      const waitMs = invitation.mailedAt.getTime() + BETWEEN_MAILS_MS - now.getTime();
      if (waitMs > 0) throw comeAgain("It was mailed within the last minute.", waitMs);
      if (invitation.mails >= MAILS_MAX) {
        throw comeAgain(`It was mailed ${MAILS_MAX} times: revoke it and invite anew tomorrow.`, DAY_MS);
      }
      const token = newToken();
      const changed = {
        ...{ tokenHash: hashOf(token), mails: invitation.mails + 1, mailedAt: now },
        expiresAt: new Date(now.getTime() + LIFETIME_MS),
      };
      await updateInvitation(tx, id, changed);
      await mail(tx, { ...invitation, ...changed }, token);
      const changes = differences(
        { expires_at: invitation.expiresAt.toISOString() },
        { expires_at: changed.expiresAt.toISOString() },
      );
      await recordAudit(tx, caller, { action: "invitation.resend", ...auditedAs(invitation), changes });
      return { ...invitation, ...changed };
    });
  }

  async function revoke(caller: Caller, id: string): Promise<void> {
    await inTransaction(db, async (tx) => {
      const invitation = await getPending(tx, caller, id);
      await end(tx, caller, invitation, "revoked");
    });
  }

  /** What whoever holds the token is invited to. */
  async function describe(token: string): Promise<InvitationSummary> {
    const invitation = await findInvitationByToken(db, hashOf(token));
    if (invitation === undefined || !isOpen(invitation, clock())) throw notGood();
    return { role: invitation.role, ...(await namesOf(db, invitation)) };
  }

  /** Whoever holds the token: the mail may have gone to another address of theirs. */
  async function accept(caller: UserCaller, token: string): Promise<{ account: AccountRecord; role: AccountRole }> {
    return inTransaction(db, async (tx) => {
      const { invitation, account } = await getByToken(tx, token);
      const member = { accountId: account.id, userId: caller.userId };
      if ((await findMembership(tx, member)) !== undefined) {
        throw new Problem(alreadyMember, "You belong to this account already: the invitation is for somebody else.");
      }
      const { role } = invitation;
      await insertMembership(tx, { ...member, role, createdAt: clock() });
      await end(tx, caller, invitation, "accepted");
      await recordAudit(tx, caller, {
        action: "member.add",
        accountId: account.id,
        ...{ resourceType: "member", resourceId: caller.userId },
        changes: differences({}, { role }),
      });
      return { account, role };
    });
  }

  async function decline(actor: Actor, token: string): Promise<void> {
    await inTransaction(db, async (tx) => {
      const { invitation } = await getByToken(tx, token);
      await end(tx, actor, invitation, "declined");
    });
  }

  /** Unknown, used, revoked and expired look the same to whoever has no more than a token. */
  async function getByToken(tx: Tx, token: string) {
    const found = await findInvitationByToken(tx, hashOf(token));
    const account = found === undefined ? undefined : await lockAccount(tx, found.accountId);
    if (found === undefined || account === undefined) throw notGood();
    // Read again under the lock: two who hold the token take turns.
    const invitation = await findInvitation(tx, found.id);
    if (invitation === undefined || !isOpen(invitation, clock()) || invitation.tokenHash !== hashOf(token)) {
      throw notGood();
    }
    return { invitation, account };
  }

  async function getPending(tx: Tx, caller: Caller, id: string): Promise<InvitationRecord> {
    const member = await lockCallersMembership(tx, caller);
    const invitation = await findInvitation(tx, id);
    if (invitation?.accountId !== caller.accountId || invitation.status !== "pending") {
      throw new Problem(unknownInvitation, "The account has no pending invitation with this id.");
    }
    assertMayInvite(member, invitation.role);
    return invitation;
  }

  async function end(
    tx: Tx,
    actor: Actor,
    invitation: InvitationRecord,
    status: "accepted" | "declined" | "revoked",
  ): Promise<void> {
    await updateInvitation(tx, invitation.id, { status, endedAt: clock() });
    const action = { accepted: "invitation.accept", declined: "invitation.decline", revoked: "invitation.revoke" }[
      status
    ];
    const changes = differences({ status: invitation.status }, { status });
    await recordAudit(tx, actor, { action, ...auditedAs(invitation), changes });
  }

  async function mail(tx: Tx, invitation: InvitationRecord, token: string): Promise<void> {
    const { email, role, expiresAt } = invitation;
    const names = await namesOf(tx, invitation);
    await post.post(tx, invitationLetter({ email, token, role, expiresAt, ...names }, publicUrl));
  }

  return { create, list, resend, revoke, describe, accept, decline };
}

async function namesOf(
  reads: Reads,
  { accountId, invitedBy }: InvitationRecord,
): Promise<Pick<InvitationSummary, "accountName" | "invitedBy">> {
  const account = await findAccount(reads, accountId);
  const inviter = await findMember(reads, accountId, { userId: invitedBy });
  // Neither is missing while the invitation is open: it ends with the account, and with its sender's right to send it.
  if (account === undefined || inviter === undefined) throw notGood();
  return { accountName: account.name, invitedBy: inviter.username };
}

export function statusOf(invitation: InvitationRecord, now: Date): InvitationStatus {
  return invitation.status === "pending" && invitation.expiresAt <= now ? "expired" : invitation.status;
}

function isOpen(invitation: InvitationRecord, now: Date): boolean {
  return statusOf(invitation, now) === "pending";
}

/** One address has one open invitation; one whose time is over makes room. */
async function replaceExpired(tx: Tx, accountId: string, email: string, now: Date): Promise<void> {
  const pending = await findPendingInvitation(tx, accountId, email);
  if (pending === undefined) return;
  if (isOpen(pending, now)) throw problemOfEmail(alreadyInvited, "has an invitation: send that again, or revoke it.");
  await updateInvitation(tx, pending.id, { status: "expired", endedAt: pending.expiresAt });
}

function notGood(): Problem {
  return new Problem(unknownInvitation, "The invitation is not good, or not any more: ask for another one.");
}

function assertMayInvite(member: MembershipRecord, role: AccountRole): void {
  if (mayManage(member.role, role)) return;
  const needed = role === "owner" ? "owner" : "admin";
  throw forbidden(`To invite somebody as ${role} takes the role ${needed} in the account; yours is ${member.role}.`);
}

function problemOfEmail(kind: typeof alreadyMember, detail: string): Problem {
  return new Problem(kind, "Nobody was invited.", { errors: [{ pointer: "/email", detail }] });
}

function comeAgain(detail: string, waitMs: number): Problem {
  return new Problem(tooManyInvitations, detail, {
    headers: { "retry-after": String(Math.ceil(waitMs / SECOND_MS)) },
  });
}

function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString("base64url");
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function auditedAs(invitation: InvitationRecord) {
  return { accountId: invitation.accountId, resourceType: "invitation", resourceId: invitation.id };
}
