// The certificate table. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import type { Columns } from "../../database/columns.ts";
import { NEWEST_FIRST, PAGE_KEY, rowsAfter } from "../../database/paging.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import type { Revocation } from "./jobs.ts";
import type { ListCertificatesQuery } from "./schema.ts";

export type CertificateStatus = "pending" | "active" | "failed" | "revoked";

class CertificateModel extends Model {
  static override tableName = "certificate";
  static override columnNameMappers = snakeCaseMappers();
  static override jsonAttributes = ["names", "revocation"];

  declare id: string;
  /** Null: the platform's own. */
  declare accountId: string | null;
  declare name: string;
  /** In lower-case ASCII; `*.` at the front stands for one label. */
  declare names: readonly string[];
  /** True: ACME issues and renews it. */
  declare isAutomatic: boolean;
  declare keyType: "ecdsa" | "rsa";
  declare status: CertificateStatus;
  /** In words: what is wrong and what mends it. */
  declare statusReason: string | null;
  /** PEM, the leaf first; null until there is one. */
  declare chain: string | null;
  declare keySecretId: string | null;
  declare serial: string | null;
  declare fingerprint: string | null;
  declare notBefore: Date | null;
  declare notAfter: Date | null;
  declare issuer: string | null;
  /** Rises with each change of what edges show. */
  declare version: number;
  /** When the next one is to be asked for. */
  declare renewAt: Date | null;
  /** When its owner last asked for another one. */
  declare askedAt: Date | null;
  /** What is to be revoked once another has taken its place. */
  declare revocation: Revocation | null;
  declare createdBy: string | null;
  declare updatedBy: string | null;
  declare createdAt: Date;
  declare updatedAt: Date;
  declare deletedAt: Date | null;
  /** Only in lists: where the row stands in them. */
  declare pageKey?: string;
}
export type CertificateRecord = Omit<Columns<CertificateModel>, "pageKey">;

export async function insertCertificate(tx: Tx, record: CertificateRecord): Promise<void> {
  await CertificateModel.query(tx).insert(record);
}

/** Also one that was deleted. */
export async function findCertificate(reads: Reads, id: string): Promise<CertificateRecord | undefined> {
  return CertificateModel.query(reads).findById(id);
}

/** For whoever changes it: held until the transaction ends. */
export async function lockCertificate(tx: Tx, id: string): Promise<CertificateRecord | undefined> {
  return CertificateModel.query(tx).findById(id).forUpdate();
}

/** For whoever names it: until the transaction ends, nobody deletes it. */
export async function holdCertificate(tx: Tx, id: string): Promise<CertificateRecord | undefined> {
  return CertificateModel.query(tx).findById(id).forShare();
}

/** What is told of it beside what it is for: the chain stays where it is. */
export type CertificateSummary = Pick<
  CertificateRecord,
  "id" | "name" | "names" | "status" | "statusReason" | "notAfter" | "issuer" | "isAutomatic"
>;

export async function findSummaries(
  reads: Reads,
  ids: readonly string[],
): Promise<ReadonlyMap<string, CertificateSummary>> {
  if (ids.length === 0) return new Map();
  const columns = ["id", "name", "names", "status", "status_reason", "not_after", "issuer", "is_automatic"];
  const rows = await CertificateModel.query(reads)
    .select(...columns)
    .whereIn("id", [...ids]);
  return new Map(rows.map((row) => [row.id, row]));
}

export interface ListedCertificate {
  readonly id: string;
  readonly page_key: string;
  readonly record: CertificateRecord;
}

/** One row more than the page holds, so that the caller sees whether there is a next one. */
export async function findCertificatesOfAccount(
  reads: Reads,
  accountId: string,
  asked: ListCertificatesQuery,
): Promise<readonly ListedCertificate[]> {
  const query = CertificateModel.query(reads)
    .select("certificate.*", CertificateModel.raw(PAGE_KEY))
    .where({ account_id: accountId })
    .whereNull("deleted_at")
    .whereRaw(...rowsAfter(asked))
    .orderByRaw(NEWEST_FIRST)
    .limit(asked.limit + 1);
  if (asked.status !== undefined) query.where({ status: asked.status });
  return (await query).map((record) => ({ id: record.id, page_key: record.pageKey ?? "", record }));
}

/** Counts to be compared take turns: held until the transaction ends. */
export async function countCertificates(tx: Tx, accountId: string): Promise<number> {
  await tx.raw("select pg_advisory_xact_lock(hashtextextended(?, 0))", [`certificates of:${accountId}`]);
  return CertificateModel.query(tx).where({ account_id: accountId }).whereNull("deleted_at").resultSize();
}

export async function updateCertificate(tx: Tx, id: string, changes: Partial<CertificateRecord>): Promise<void> {
  await CertificateModel.query(tx).findById(id).patch(changes);
}

/** Automatic ones whose next certificate is to be asked for, the most urgent first. */
export async function findDueForRenewal(reads: Reads, now: Date, limit: number): Promise<readonly CertificateRecord[]> {
  return (
    CertificateModel.query(reads)
      .where({ is_automatic: true })
      .where("renew_at", "<=", now)
      .whereNull("deleted_at")
      // Nobody renews for an account that is gone.
      .whereNotExists((gone) =>
        gone.from("account").whereRaw("account.id = certificate.account_id").whereNotNull("account.deleted_at"),
      )
      .orderBy("renew_at")
      .limit(limit)
  );
}

/** The account that asked last for an automatic certificate which holds this wildcard. */
export async function findWildcardAccount(reads: Reads, wildcard: string): Promise<string | undefined> {
  const row = await CertificateModel.query(reads)
    .where({ is_automatic: true })
    .whereRaw("names @> ?::jsonb", [JSON.stringify([wildcard])])
    .whereNotNull("account_id")
    .whereNull("deleted_at")
    .orderBy("updated_at", "desc")
    .first();
  return row?.accountId ?? undefined;
}

/** The platform's own. */
export async function findPlatformCertificates(reads: Reads): Promise<readonly CertificateRecord[]> {
  return CertificateModel.query(reads).whereNull("account_id").whereNull("deleted_at").orderBy("name");
}

/** Of processes that make one at once, the first keeps its row. */
export async function insertPlatformCertificate(tx: Tx, record: CertificateRecord): Promise<boolean> {
  const made = await tx("certificate")
    .insert({
      ...{ id: record.id, account_id: null, name: record.name, names: JSON.stringify(record.names) },
      ...{ is_automatic: record.isAutomatic, key_type: record.keyType, status: record.status },
      ...{ created_at: record.createdAt, updated_at: record.updatedAt },
    })
    .onConflict(tx.raw("(name) where account_id is null and deleted_at is null"))
    .ignore()
    .returning("id");
  return made.length > 0;
}
