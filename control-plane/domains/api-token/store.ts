// The api_token table. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import type { Columns } from "../../database/columns.ts";
import { makeStale, type Reads, type Tx } from "../../database/transaction.ts";
import type { Scope } from "../../http/caller.ts";

class ApiTokenModel extends Model {
  static override tableName = "api_token";
  static override columnNameMappers = snakeCaseMappers();

  declare id: string;
  declare accountId: string;
  declare userId: string;
  /** It dies with this membership, and does not revive with another one. */
  declare membershipId: string;
  declare name: string;
  declare scopes: Scope[];
  declare tokenHash: string;
  declare createdAt: Date;
  declare expiresAt: Date | null;
  declare lastUsedAt: Date | null;
  /** The row stays, for the audit log tells the token's name. */
  declare revokedAt: Date | null;
}
export type ApiTokenRecord = Columns<ApiTokenModel>;
/** The space of cached reads of tokens, by their hashes. */
export const API_TOKENS = "api-token";

export async function insertApiToken(tx: Tx, token: ApiTokenRecord): Promise<void> {
  makeStale(tx, cachedAs(token));
  await ApiTokenModel.query(tx).insert(token);
}

export async function findApiTokenByHash(reads: Reads, tokenHash: string): Promise<ApiTokenRecord | undefined> {
  return ApiTokenModel.query(reads).findOne({ token_hash: tokenHash });
}

export async function lockApiToken(tx: Tx, id: string): Promise<ApiTokenRecord | undefined> {
  return ApiTokenModel.query(tx).findById(id).forUpdate();
}

export async function revokeApiToken(tx: Tx, token: ApiTokenRecord, now: Date): Promise<void> {
  makeStale(tx, cachedAs(token));
  await ApiTokenModel.query(tx).patch({ revokedAt: now }).where({ id: token.id });
}

/** Neither revoked nor expired. Counts to be compared take turns: held until the transaction ends. */
export async function countLiveApiTokens(tx: Tx, membershipId: string, now: Date): Promise<number> {
  await tx.raw("select pg_advisory_xact_lock(hashtextextended(?, 0))", [`api tokens of:${membershipId}`]);
  return ApiTokenModel.query(tx)
    .where({ membership_id: membershipId })
    .whereNull("revoked_at")
    .where((live) => live.whereNull("expires_at").orWhere("expires_at", ">", now))
    .resultSize();
}

/** Those that were used again after `before`; what another process has told meanwhile stays. */
export async function recordUse(db: Reads, ids: readonly string[], now: Date, before: Date): Promise<void> {
  await ApiTokenModel.query(db)
    .patch({ lastUsedAt: now })
    .whereIn("id", [...ids])
    .where((older) => older.whereNull("last_used_at").orWhere("last_used_at", "<=", before));
}

function cachedAs({ tokenHash }: Pick<ApiTokenRecord, "tokenHash">): string {
  return `${API_TOKENS}:${tokenHash}`;
}
