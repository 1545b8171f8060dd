// The secret and platform_secret tables: sealed values, as they lie there. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import { type Sealed, sealedSchema } from "../../../platform/seal.ts";
import type { Columns } from "../../database/columns.ts";
import type { Reads, Tx } from "../../database/transaction.ts";

class SecretModel extends Model {
  static override tableName = "secret";
  static override columnNameMappers = snakeCaseMappers();
  static override jsonAttributes = ["sealed"];

  declare id: string;
  declare accountId: string | null;
  declare purpose: string;
  declare sealed: Sealed;
  declare createdAt: Date;
}
type SecretRecord = Columns<SecretModel>;

class PlatformSecretModel extends Model {
  static override tableName = "platform_secret";
  static override idColumn = "name";
  static override jsonAttributes = ["sealed"];

  declare name: string;
  declare sealed: Sealed;
}

export async function insertSecret(tx: Tx, secret: SecretRecord): Promise<void> {
  await SecretModel.query(tx).insert(secret);
}

export async function findSecret(
  reads: Reads,
  { id, accountId, purpose }: Pick<SecretRecord, "id" | "accountId" | "purpose">,
): Promise<Sealed | undefined> {
  // Null is nobody's id: whoever asks for the platform's own gets no account's.
  const query = SecretModel.query(reads).findOne({ id, purpose });
  const row = await (accountId === null ? query.whereNull("account_id") : query.where({ account_id: accountId }));
  return row && sealedSchema.parse(row.sealed);
}

export async function deleteSecret(tx: Tx, id: string): Promise<void> {
  await SecretModel.query(tx).deleteById(id);
}

/** The first to come keeps its place. */
export async function insertPlatformSecret(reads: Reads, name: string, sealed: Sealed): Promise<void> {
  await PlatformSecretModel.query(reads).insert({ name, sealed }).onConflict("name").ignore();
}

export async function findPlatformSecret(reads: Reads, name: string): Promise<Sealed | undefined> {
  const row = await PlatformSecretModel.query(reads).findById(name);
  return row && sealedSchema.parse(row.sealed);
}

/** Those of the format without a data key, for the transaction that seals them anew. */
export async function lockDirectPlatformSecrets(tx: Tx): Promise<readonly { name: string; sealed: Sealed }[]> {
  const rows = await PlatformSecretModel.query(tx).whereRaw("sealed->>'format' = '1'").orderBy("name").forUpdate();
  return rows.map(({ name, sealed }) => ({ name, sealed: sealedSchema.parse(sealed) }));
}

export async function replacePlatformSecret(tx: Tx, name: string, sealed: Sealed): Promise<void> {
  await PlatformSecretModel.query(tx).findById(name).patch({ sealed });
}
