// What the platform's operators do about people: give them a platform role, suspend them, and let them act again.
import { Problem } from "../../../../platform/problem.ts";
import type { PageQuery } from "../../../database/paging.ts";
import { type Database, inTransaction, type Reads, type Tx } from "../../../database/transaction.ts";
import type { Caller } from "../../../http/caller.ts";
import { forbidden } from "../../../http/problems.ts";
import { differences, recordAudit } from "../../audit/index.ts";
import type { Sessions } from "../session/sessions.ts";
import { lockUser, updateUser } from "../user/store.ts";
import { lastAdministrator, unknownUser } from "./problems.ts";
import {
  findUserDetails,
  findUsers,
  lockAdministrators,
  type UserDetails,
  type UserFilter,
  type UserRow,
} from "./read-model.ts";
import type { PatchUserInput, SuspensionInput } from "./schema.ts";

export type OperatorService = ReturnType<typeof createOperatorService>;

/** Throws when it is not what the caller has read: asked under the row's lock, before anything is written. */
type AssertUnchanged = (current: UserDetails) => void;

export function createOperatorService({
  db,
  clock,
  sessions,
}: {
  db: Database;
  clock: () => Date;
  sessions: Pick<Sessions, "endAll">;
}) {
  function list(filter: UserFilter, page: PageQuery): Promise<readonly UserRow[]> {
    return findUsers(db, filter, page);
  }

  function get(id: string): Promise<UserDetails> {
    return getDetails(db, id);
  }

  async function update(
    caller: Caller,
    id: string,
    patch: PatchUserInput,
    assertUnchanged: AssertUnchanged,
  ): Promise<UserDetails> {
    return inTransaction(db, async (tx) => {
      const { details, others } = await lockForOperator(tx, caller, id);
      assertUnchanged(details);
      const role = patch.platform_role ?? details.user.platform_role;
      const changes = differences({ platform_role: details.user.platform_role }, { platform_role: role });
      if (changes.length === 0) return details;
      if (role !== "admin") assertAnother(details, others);
      await updateUser(tx, id, { platformRole: role, updatedAt: clock() });
      await recordAudit(tx, caller, { action: "user.update", ...auditedAs(id), changes });
      return getDetails(tx, id);
    });
  }

  /** Their sessions end for good; their API tokens rest until they may act again. */
  async function suspend(caller: Caller, id: string, { reason }: SuspensionInput): Promise<UserDetails> {
    return inTransaction(db, async (tx) => {
      const { details, others } = await lockForOperator(tx, caller, id);
      assertAnother(details, others);
      const { suspended_at, suspension_reason } = details.user;
      if (suspended_at !== null && suspension_reason === reason) return details;
      const now = clock();
      const changed = { suspendedAt: suspended_at ?? now, suspensionReason: reason };
      await updateUser(tx, id, { ...changed, updatedAt: now });
      if (suspended_at === null) await sessions.endAll(tx, caller, id);
      const changes = differences(
        { suspended_at, suspension_reason },
        { suspended_at: changed.suspendedAt, suspension_reason: reason },
      );
      await recordAudit(tx, caller, { action: "user.suspend", ...auditedAs(id), changes });
      return getDetails(tx, id);
    });
  }

  async function unsuspend(caller: Caller, id: string): Promise<UserDetails> {
    return inTransaction(db, async (tx) => {
      const { details } = await lockForOperator(tx, caller, id);
      const { suspended_at, suspension_reason } = details.user;
      if (suspended_at === null) return details;
      await updateUser(tx, id, { suspendedAt: null, suspensionReason: null, updatedAt: clock() });
      const changes = differences({ suspended_at, suspension_reason }, { suspended_at: null, suspension_reason: null });
      await recordAudit(tx, caller, { action: "user.unsuspend", ...auditedAs(id), changes });
      return getDetails(tx, id);
    });
  }

  return { list, get, update, suspend, unsuspend };
}

/** The user's row is held, and who the admins are stays so until the transaction ends: the caller is one of them. */
async function lockForOperator(
  tx: Tx,
  caller: Caller,
  id: string,
): Promise<{ details: UserDetails; others: readonly string[] }> {
  const administrators = await lockAdministrators(tx);
  if (!administrators.includes(caller.userId)) throw forbidden("You are no operator of the platform any more.");
  await lockUser(tx, id);
  return { details: await getDetails(tx, id), others: administrators.filter((each) => each !== id) };
}

function assertAnother({ user }: UserDetails, others: readonly string[]): void {
  if (user.platform_role !== "admin" || others.length > 0) return;
  throw new Problem(lastAdministrator, "Make another user an admin first.");
}

async function getDetails(reads: Reads, id: string): Promise<UserDetails> {
  const details = await findUserDetails(reads, id);
  if (details === undefined) throw new Problem(unknownUser, "No user has this id.");
  return details;
}

function auditedAs(id: string) {
  return { accountId: null, resourceType: "user", resourceId: id };
}
