// The user table. Models stay in this file; others see records.
import { Model, snakeCaseMappers, UniqueViolationError } from "objection";
import type { Columns } from "../../../database/columns.ts";
import { makeStale, type Reads, type Tx } from "../../../database/transaction.ts";
import type { PlatformRole } from "../../../http/caller.ts";

class UserModel extends Model {
  static override tableName = "user";
  static override columnNameMappers = snakeCaseMappers();

  declare id: string;
  declare username: string;
  /** Null, like the password, for who came with a wallet or on another issuer's word and has set none. */
  declare email: string | null;
  declare emailVerifiedAt: Date | null;
  declare passwordHash: string | null;
  declare platformRole: PlatformRole;
  declare name: string | null;
  declare bio: string | null;
  declare avatarUrl: string | null;
  /** Null while the person may act. */
  declare suspendedAt: Date | null;
  declare suspensionReason: string | null;
  declare createdAt: Date;
  declare updatedAt: Date;
}
export type UserRecord = Columns<UserModel>;
export type UserChanges = Partial<Omit<UserRecord, "id" | "createdAt" | "updatedAt">>;
/** The space of cached reads that tell who somebody is. */
export const PEOPLE = "user";
/** What no two people share. */
export type UniqueField = "username" | "email";

/** The field that somebody else has already; undefined when the user was stored. The transaction goes on either way. */
export async function insertUser(tx: Tx, user: UserRecord): Promise<UniqueField | undefined> {
  await UserModel.query(tx).insert(user).onConflict().ignore();
  makeStale(tx, staleUser(user.id));
  if ((await findUser(tx, user.id)) !== undefined) return undefined;
  const holder = user.email === null ? undefined : await findUserByEmail(tx, user.email);
  return holder === undefined ? "username" : "email";
}

/** The field that somebody else has already: then the transaction is lost. */
export async function updateUser(
  tx: Tx,
  id: string,
  changes: UserChanges & { readonly updatedAt: Date },
): Promise<UniqueField | undefined> {
  makeStale(tx, staleUser(id));
  try {
    await UserModel.query(tx).findById(id).patch(changes);
    return undefined;
  } catch (error) {
    if (!(error instanceof UniqueViolationError)) throw error;
    return error.constraint === "user_email_unique" ? "email" : "username";
  }
}

export async function findUser(reads: Reads, id: string): Promise<UserRecord | undefined> {
  return UserModel.query(reads).findById(id);
}

/** What is decided about the user from here on holds until the transaction ends. */
export async function lockUser(tx: Tx, id: string): Promise<UserRecord | undefined> {
  return UserModel.query(tx).findById(id).forUpdate();
}

/** By e-mail or name; neither can look like the other, since names have no @. */
export async function findUserByLogin(reads: Reads, login: string): Promise<UserRecord | undefined> {
  if (login.includes("@")) return findUserByEmail(reads, login);
  return UserModel.query(reads).whereRaw("lower(username) = lower(?)", [login]).first();
}

export async function findUserByEmail(reads: Reads, email: string): Promise<UserRecord | undefined> {
  return UserModel.query(reads).whereRaw("lower(email) = lower(?)", [email]).first();
}

/** The first administrator who may act: whose account the operator's commands act for. */
export async function findAdministrator(reads: Reads): Promise<UserRecord | undefined> {
  const administrators = UserModel.query(reads).where({ platform_role: "admin" }).whereNull("suspended_at");
  return administrators.orderBy("created_at").first();
}

function staleUser(id: string): string {
  return `${PEOPLE}:${id}`;
}
