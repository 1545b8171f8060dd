// The one_time_token table. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import type { Columns } from "../../../database/columns.ts";
import type { Reads, Tx } from "../../../database/transaction.ts";

class OneTimeTokenModel extends Model {
  static override tableName = "one_time_token";
  static override columnNameMappers = snakeCaseMappers();
  static override idColumn = "hash";

  declare hash: string;
  declare purpose: "verify-email" | "reset-password" | "log-in";
  declare userId: string;
  declare email: string | null;
  declare cause: string;
  declare createdAt: Date;
  declare expiresAt: Date;
}
export type OneTimeTokenRecord = Columns<OneTimeTokenModel>;
export type Purpose = OneTimeTokenRecord["purpose"];

interface Shown {
  readonly hash: string;
  readonly purpose: Purpose;
  readonly now: Date;
}

export async function insertOneTimeToken(tx: Tx, token: OneTimeTokenRecord): Promise<void> {
  await OneTimeTokenModel.query(tx).insert(token);
}

export async function findOneTimeToken(
  reads: Reads,
  { hash, purpose, now }: Shown,
): Promise<OneTimeTokenRecord | undefined> {
  return OneTimeTokenModel.query(reads).where({ hash, purpose }).where("expires_at", ">", now).first();
}

/** It is gone afterwards: of two who show it at once, one gets it. */
export async function takeOneTimeToken(tx: Tx, { hash, purpose, now }: Shown): Promise<OneTimeTokenRecord | undefined> {
  const taken = await OneTimeTokenModel.query(tx)
    .delete()
    .where({ hash, purpose })
    .where("expires_at", ">", now)
    .returning("*");
  return taken[0];
}

/** Whether another request than this one was answered with a token since then. */
export async function hasOtherTokenSince(
  reads: Reads,
  {
    userId,
    purpose,
    email,
    cause,
    since,
  }: Pick<OneTimeTokenRecord, "userId" | "purpose" | "email" | "cause"> & { since: Date },
): Promise<boolean> {
  const other = await OneTimeTokenModel.query(reads)
    .where({ user_id: userId, purpose, email })
    .whereNot({ cause })
    .where("created_at", ">", since)
    .first();
  return other !== undefined;
}

export async function deleteOneTimeTokens(tx: Tx, userId: string, purposes: readonly Purpose[]): Promise<void> {
  await OneTimeTokenModel.query(tx)
    .delete()
    .where({ user_id: userId })
    .whereIn("purpose", [...purposes]);
}

export async function deleteExpiredOneTimeTokens(tx: Tx, now: Date): Promise<void> {
  await OneTimeTokenModel.query(tx).delete().where("expires_at", "<=", now);
}
