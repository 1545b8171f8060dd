// The identity table: what people log in with besides a password. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import type { Columns } from "../../../database/columns.ts";
import type { Reads, Tx } from "../../../database/transaction.ts";

class IdentityModel extends Model {
  static override tableName = "identity";
  static override columnNameMappers = snakeCaseMappers();

  declare id: string;
  declare userId: string;
  declare kind: "ethereum" | "openid";
  declare issuer: string;
  declare subject: string;
  declare createdAt: Date;
}
export type IdentityRecord = Columns<IdentityModel>;

/** Who somebody is to others. */
export type IdentityKey = Pick<IdentityRecord, "kind" | "issuer" | "subject">;

/** Until the end of the transaction nobody else gives this identity to anybody. */
export async function lockIdentity(tx: Tx, key: IdentityKey): Promise<IdentityRecord | undefined> {
  const name = `identity ${JSON.stringify([key.kind, key.issuer, key.subject])}`;
  await tx.raw("select pg_advisory_xact_lock(hashtextextended(?, 0))", [name]);
  return findIdentity(tx, key);
}

export async function findIdentity(
  reads: Reads,
  { kind, issuer, subject }: IdentityKey,
): Promise<IdentityRecord | undefined> {
  return IdentityModel.query(reads).findOne({ kind, issuer, subject });
}

export async function insertIdentity(tx: Tx, identity: IdentityRecord): Promise<void> {
  await IdentityModel.query(tx).insert(identity);
}

/** A handful at most. */
export async function listIdentities(reads: Reads, userId: string): Promise<IdentityRecord[]> {
  return IdentityModel.query(reads).where({ user_id: userId }).orderBy("created_at");
}

export async function deleteIdentity(tx: Tx, id: string): Promise<void> {
  await IdentityModel.query(tx).deleteById(id);
}
