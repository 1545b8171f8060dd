// The user_totp and recovery_code tables. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import { type Sealed, sealedSchema } from "../../../../platform/seal.ts";
import type { Columns } from "../../../database/columns.ts";
import type { Reads, Tx } from "../../../database/transaction.ts";

class TotpModel extends Model {
  static override tableName = "user_totp";
  static override columnNameMappers = snakeCaseMappers();
  static override idColumn = "user_id";
  static override jsonAttributes = ["sealed"];

  declare userId: string;
  declare sealed: Sealed;
  declare createdAt: Date;
  /** Null until a first code has come back. */
  declare confirmedAt: Date | null;
  declare lastStep: number | null;
  declare failures: number;
  declare lockedUntil: Date | null;
}
export type TotpRecord = Columns<TotpModel>;

class RecoveryCodeModel extends Model {
  static override tableName = "recovery_code";
  static override columnNameMappers = snakeCaseMappers();
  static override idColumn = ["user_id", "hash"];

  declare userId: string;
  declare hash: string;
}

/** Instead of one that was never confirmed, if there is one. */
export async function replaceTotp(tx: Tx, totp: TotpRecord): Promise<void> {
  await TotpModel.query(tx).insert(totp).onConflict("user_id").merge();
}

export async function findTotp(reads: Reads, userId: string): Promise<TotpRecord | undefined> {
  return parsed(await TotpModel.query(reads).findById(userId));
}

/** Two codes at once are checked one after the other. */
export async function lockTotp(tx: Tx, userId: string): Promise<TotpRecord | undefined> {
  return parsed(await TotpModel.query(tx).findById(userId).forUpdate());
}

export async function updateTotp(
  tx: Tx,
  userId: string,
  changes: Partial<Pick<TotpRecord, "confirmedAt" | "lastStep" | "failures" | "lockedUntil">>,
): Promise<void> {
  await TotpModel.query(tx).findById(userId).patch(changes);
}

/** The recovery codes go with it. */
export async function deleteTotp(tx: Tx, userId: string): Promise<void> {
  await TotpModel.query(tx).deleteById(userId);
}

export async function replaceRecoveryCodes(tx: Tx, userId: string, hashes: readonly string[]): Promise<void> {
  await RecoveryCodeModel.query(tx).delete().where({ user_id: userId });
  await RecoveryCodeModel.query(tx).insert(hashes.map((hash) => ({ userId, hash })));
}

/** Whether there was such a code: it is gone now. */
export async function takeRecoveryCode(tx: Tx, userId: string, hash: string): Promise<boolean> {
  return (await RecoveryCodeModel.query(tx).deleteById([userId, hash])) > 0;
}

export async function countRecoveryCodes(reads: Reads, userId: string): Promise<number> {
  return RecoveryCodeModel.query(reads).where({ user_id: userId }).resultSize();
}

function parsed(row: TotpModel | undefined): TotpRecord | undefined {
  return row && { ...row, sealed: sealedSchema.parse(row.sealed) };
}
