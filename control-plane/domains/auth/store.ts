// The user table. Models stay in this file; others see records.
import { Model, snakeCaseMappers, UniqueViolationError } from "objection";
import type { Columns } from "../../database/columns.ts";
import type { Reads, Tx } from "../../database/transaction.ts";

class UserModel extends Model {
  static override tableName = "user";
  static override columnNameMappers = snakeCaseMappers();

  declare id: string;
  declare username: string;
  declare email: string;
  declare passwordHash: string;
  declare platformRole: "user" | "premium" | "moderator" | "admin";
  declare createdAt: Date;
  declare updatedAt: Date;
}
export type UserRecord = Columns<UserModel>;

/** The field that somebody else has already; undefined when the user was stored. */
export async function insertUser(tx: Tx, user: UserRecord): Promise<"username" | "email" | undefined> {
  try {
    await UserModel.query(tx).insert(user);
    return undefined;
  } catch (error) {
    if (!(error instanceof UniqueViolationError)) throw error;
    return error.constraint === "user_email_unique" ? "email" : "username";
  }
}

export async function findUser(reads: Reads, id: string): Promise<UserRecord | undefined> {
  return UserModel.query(reads).findById(id);
}

/** By e-mail or name; neither can look like the other, since names have no @. */
export async function findUserByLogin(reads: Reads, login: string): Promise<UserRecord | undefined> {
  const column = login.includes("@") ? "email" : "username";
  return UserModel.query(reads).whereRaw(`lower(${column}) = lower(?)`, [login]).first();
}

/** The first administrator: whose account the operator's commands act for. */
export async function findAdministrator(reads: Reads): Promise<UserRecord | undefined> {
  return UserModel.query(reads).where({ platform_role: "admin" }).orderBy("created_at").first();
}
