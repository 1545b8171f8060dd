// The account and membership tables. Models stay in this file; others see records.
import { randomUUID } from "node:crypto";
import { Model, snakeCaseMappers } from "objection";
import type { Columns } from "../../database/columns.ts";
import { makeStale, type Reads, type Tx } from "../../database/transaction.ts";
import type { AccountRole } from "../../http/caller.ts";

class AccountModel extends Model {
  static override tableName = "account";
  static override columnNameMappers = snakeCaseMappers();

  declare id: string;
  declare name: string;
  declare createdAt: Date;
  declare updatedAt: Date;
  declare deletedAt: Date | null;
  /** Since when its distributions answer 503 because it is over its quota. */
  declare cutOffAt: Date | null;
}
export type AccountRecord = Columns<AccountModel>;

class MembershipModel extends Model {
  static override tableName = "membership";
  static override columnNameMappers = snakeCaseMappers();

  /** Another one when somebody leaves and comes back. */
  declare id: string;
  declare accountId: string;
  declare userId: string;
  declare role: AccountRole;
  declare createdAt: Date;
}
export type MembershipRecord = Columns<MembershipModel>;

/** The space of cached reads that tell where a user belongs. */
export const MEMBERSHIPS = "memberships";

/** What is cached under this name tells where the user belongs. */
function membershipsOf(userId: string): string {
  return `${MEMBERSHIPS}:${userId}`;
}

type NewAccount = Omit<AccountRecord, "deletedAt" | "cutOffAt">;

export async function insertAccount(tx: Tx, account: NewAccount): Promise<AccountRecord> {
  await AccountModel.query(tx).insert(account);
  return { ...account, deletedAt: null, cutOffAt: null };
}

export async function findAccount(reads: Reads, id: string): Promise<AccountRecord | undefined> {
  return AccountModel.query(reads).findById(id).whereNull("deleted_at");
}

/** The row, held until the transaction ends: whoever changes members or invitations takes turns. */
export async function lockAccount(tx: Tx, id: string): Promise<AccountRecord | undefined> {
  return AccountModel.query(tx).findById(id).whereNull("deleted_at").forNoKeyUpdate();
}

/** Waits for whoever adds something to the account, and keeps the next one waiting: for its end. */
export async function lockAccountWholly(tx: Tx, id: string): Promise<AccountRecord | undefined> {
  return AccountModel.query(tx).findById(id).whereNull("deleted_at").forUpdate();
}

/** Keeps the account from being deleted until the transaction ends; false when it is gone already. */
export async function holdAccount(tx: Tx, id: string): Promise<boolean> {
  return (await AccountModel.query(tx).findById(id).whereNull("deleted_at").forKeyShare()) !== undefined;
}

export async function updateAccount(
  tx: Tx,
  id: string,
  changes: Partial<Pick<AccountRecord, "name" | "updatedAt" | "deletedAt">>,
): Promise<void> {
  await AccountModel.query(tx).patch(changes).where({ id });
}

export async function isCutOff(reads: Reads, id: string): Promise<boolean> {
  const account = await AccountModel.query(reads).findById(id).select("cut_off_at");
  return account !== undefined && account.cutOffAt !== null;
}

/** Whose distributions are the caller's to tell. */
export async function updateCutOff(tx: Tx, id: string, cutOffAt: Date | null): Promise<void> {
  await AccountModel.query(tx).patch({ cutOffAt }).where({ id });
}

export async function insertMembership(tx: Tx, membership: Omit<MembershipRecord, "id">): Promise<void> {
  makeStale(tx, membershipsOf(membership.userId));
  await MembershipModel.query(tx).insert({ id: randomUUID(), ...membership });
}

/** The named account if the user belongs to it; the user's oldest one when none is named. */
export async function findMembership(
  reads: Reads,
  { userId, accountId }: { userId: string; accountId?: string | undefined },
): Promise<MembershipRecord | undefined> {
  const query = MembershipModel.query(reads).where({ user_id: userId }).orderBy(["created_at", "id"]).limit(1).first();
  if (accountId !== undefined) query.where({ account_id: accountId });
  return query;
}

export async function updateRole(tx: Tx, membership: MembershipRecord, role: AccountRole): Promise<void> {
  makeStale(tx, membershipsOf(membership.userId));
  await MembershipModel.query(tx).patch({ role }).where({ id: membership.id });
}

export async function deleteMembership(tx: Tx, membership: MembershipRecord): Promise<void> {
  makeStale(tx, membershipsOf(membership.userId));
  await MembershipModel.query(tx).deleteById(membership.id);
}

/** Nobody belongs to the account any more. */
export async function deleteMembershipsOfAccount(tx: Tx, accountId: string): Promise<void> {
  const gone = await MembershipModel.query(tx).delete().where({ account_id: accountId }).returning("user_id");
  for (const { userId } of gone) makeStale(tx, membershipsOf(userId));
}

export async function hasOtherOwner(reads: Reads, membership: MembershipRecord): Promise<boolean> {
  const other = await MembershipModel.query(reads)
    .where({ account_id: membership.accountId, role: "owner" })
    .whereNot({ id: membership.id })
    .first();
  return other !== undefined;
}

/** Counts to be compared take turns: held until the transaction ends. */
export async function countOwned(tx: Tx, userId: string): Promise<number> {
  await tx.raw("select pg_advisory_xact_lock(hashtextextended(?, 0))", [`accounts of:${userId}`]);
  return MembershipModel.query(tx).where({ user_id: userId, role: "owner" }).resultSize();
}
