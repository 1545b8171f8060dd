// The signing_key table. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import { type Sealed, sealedSchema } from "../../../platform/seal.ts";
import type { Columns } from "../../database/columns.ts";
import type { Reads, Tx } from "../../database/transaction.ts";

class SigningKeyModel extends Model {
  static override tableName = "signing_key";
  static override columnNameMappers = snakeCaseMappers();
  static override idColumn = "kid";
  static override jsonAttributes = ["sealed"];

  declare kid: string;
  declare sealed: Sealed;
  declare createdAt: Date;
}
export type SigningKeyRecord = Columns<SigningKeyModel>;

/** Whoever adds or deletes keys does so alone, until the end of the transaction. */
export async function lockSigningKeys(tx: Tx): Promise<readonly SigningKeyRecord[]> {
  await tx.raw("select pg_advisory_xact_lock(hashtextextended('signing keys', 0))");
  return findSigningKeys(tx);
}

export async function findSigningKeys(reads: Reads): Promise<readonly SigningKeyRecord[]> {
  const rows = await SigningKeyModel.query(reads).orderBy("created_at");
  return rows.map((row) => ({ ...row, sealed: sealedSchema.parse(row.sealed) }));
}

export async function insertSigningKey(tx: Tx, key: SigningKeyRecord): Promise<void> {
  await SigningKeyModel.query(tx).insert(key);
}

export async function deleteSigningKeys(tx: Tx, kids: readonly string[]): Promise<void> {
  await SigningKeyModel.query(tx)
    .delete()
    .whereIn("kid", [...kids]);
}
