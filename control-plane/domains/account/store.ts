// The account and membership tables. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import type { Columns } from "../../database/columns.ts";
import type { Reads, Tx } from "../../database/transaction.ts";

export type AccountRole = "owner" | "admin" | "editor" | "viewer";

class AccountModel extends Model {
  static override tableName = "account";
  static override columnNameMappers = snakeCaseMappers();

  declare id: string;
  declare name: string;
  declare createdAt: Date;
  declare updatedAt: Date;
}
export type AccountRecord = Columns<AccountModel>;

class MembershipModel extends Model {
  static override tableName = "membership";
  static override columnNameMappers = snakeCaseMappers();
  static override idColumn = ["account_id", "user_id"];

  declare accountId: string;
  declare userId: string;
  declare role: AccountRole;
  declare createdAt: Date;
}
export type MembershipRecord = Columns<MembershipModel>;

export async function insertAccount(tx: Tx, account: AccountRecord): Promise<void> {
  await AccountModel.query(tx).insert(account);
}

export async function insertMembership(tx: Tx, membership: MembershipRecord): Promise<void> {
  await MembershipModel.query(tx).insert(membership);
}

/** The named account if the user belongs to it; the user's oldest one when none is named. */
export async function findMembership(
  reads: Reads,
  { userId, accountId }: { userId: string; accountId?: string | undefined },
): Promise<MembershipRecord | undefined> {
  const query = MembershipModel.query(reads).where({ user_id: userId }).orderBy("created_at").first();
  if (accountId !== undefined) query.where({ account_id: accountId });
  return query;
}
