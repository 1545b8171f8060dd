// The ethereum_nonce table. Models stay in this file.
import { Model, snakeCaseMappers } from "objection";
import type { Tx } from "../../../database/transaction.ts";

class NonceModel extends Model {
  static override tableName = "ethereum_nonce";
  static override columnNameMappers = snakeCaseMappers();
  static override idColumn = "nonce";

  declare nonce: string;
  declare expiresAt: Date;
}

export async function insertNonce(tx: Tx, nonce: string, expiresAt: Date): Promise<void> {
  await NonceModel.query(tx).insert({ nonce, expiresAt });
}

/** Whether it was ours and still good. It is gone: of two messages with it, one counts. */
export async function takeNonce(tx: Tx, nonce: string, now: Date): Promise<boolean> {
  return (await NonceModel.query(tx).delete().where({ nonce }).where("expires_at", ">", now)) > 0;
}

export async function deleteExpiredNonces(tx: Tx, now: Date): Promise<void> {
  await NonceModel.query(tx).delete().where("expires_at", "<=", now);
}
