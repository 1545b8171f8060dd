// The distribution table. The model stays in this file; others see records. Claims on names: claim-store.ts.
import { Model, type PartialModelObject, snakeCaseMappers } from "objection";
import type { Columns } from "../../database/columns.ts";
import { type Ordering, orderOf, pageKeyOf, rowsAfter } from "../../database/paging.ts";
import { makeStale, type Reads, type Tx } from "../../database/transaction.ts";
import type { Compression, Cors, Hsts, ListDistributionsQuery, Sorting } from "./schema.ts";

export type DistributionStatus = "pending" | "deploying" | "active" | "failed" | "disabled" | "deleting" | "deleted";

class DistributionModel extends Model {
  static override tableName = "distribution";
  static override columnNameMappers = snakeCaseMappers();
  static override jsonAttributes = ["cors", "hsts", "compression", "edgeGroupIds"];

  declare id: string;
  declare accountId: string;
  declare domainId: string | null;
  declare domain: string;
  declare domainType: "custom" | "subdomain";
  declare label: string;
  declare description: string;
  declare cdnType: "gotipath" | "gcore" | "tm_swift" | "multi";
  declare accelerationType: "static" | "media" | "livestream" | "diy";
  declare originType: "custom" | "s3";
  /** Empty: the origin's own. */
  declare hostHeader: string;
  /** Empty: the host header's. */
  declare sni: string;
  declare isHttp2: boolean;
  declare isHttp3: boolean;
  declare enableSsl: boolean;
  declare isLivestream: boolean;
  declare isRedirectHttpToHttps: boolean;
  /** Null: the built-in one of the acceleration type. */
  declare cachePolicyId: string | null;
  /** Null: the origin's own CORS headers pass. */
  declare cors: Cors | null;
  /** Null: browsers are told nothing. */
  declare hsts: Hsts | null;
  declare compression: Compression;
  /** The edge groups that alone serve it; null: all of them. */
  declare edgeGroupIds: readonly string[] | null;
  /** True: the certificate was made for it, and goes with it. */
  declare leIssue: boolean;
  /** Null: none of its own. */
  declare certificateId: string | null;
  /** What its viewers are shown until that one is issued. */
  declare formerCertificateId: string | null;
  declare cname: string;
  /** The name leads here, and is served for this account. */
  declare isCnameValid: boolean;
  /** A certificate authority that asks the name is answered by the edges. */
  declare isAcmeChallengeValid: boolean;
  declare status: DistributionStatus;
  declare statusReason: string | null;
  /** Rises with each change of anything that is compiled from. */
  declare version: number;
  /** The number of the newest version that the customer sees. */
  declare configurationVersion: number;
  declare createdBy: string | null;
  declare updatedBy: string | null;
  declare createdAt: Date;
  declare updatedAt: Date;
  declare deletedAt: Date | null;
  declare gotipathDeletedAt: Date | null;
  /** Only in lists: where the row stands in them. */
  declare pageKey?: string;
}
export type DistributionRecord = Omit<Columns<DistributionModel>, "pageKey">;

/** What a customer decides at the beginning. */
export type NewColumns = Pick<
  DistributionRecord,
  | "label"
  | "description"
  | "cdnType"
  | "accelerationType"
  | "originType"
  | "hostHeader"
  | "sni"
  | "isHttp2"
  | "isHttp3"
  | "enableSsl"
  | "isLivestream"
  | "isRedirectHttpToHttps"
  | "cachePolicyId"
  | "cors"
  | "hsts"
  | "compression"
  | "edgeGroupIds"
  | "leIssue"
  | "certificateId"
>;

export async function insertDistribution(tx: Tx, record: DistributionRecord): Promise<void> {
  await DistributionModel.query(tx).insert(record);
  for (const name of staleNames(record)) makeStale(tx, name);
}

/** What is cached under these names is old after any write here. */
function staleNames({ id, accountId }: Pick<DistributionRecord, "id" | "accountId">): readonly string[] {
  return [`distribution:${id}`, listsOf(accountId)];
}

/** The account's distributions, in pages. */
export function listsOf(accountId: string): string {
  return `distributions-of:${accountId}`;
}

/** Changes fields; `version` rises with them, so that what was compiled from before is known to be old. */
export async function updateDistribution(tx: Tx, id: string, changes: Partial<DistributionRecord>): Promise<void> {
  await patchDistribution(tx, id, { ...changes, version: DistributionModel.raw("version + 1") });
}

async function patchDistribution(tx: Tx, id: string, changes: PartialModelObject<DistributionModel>): Promise<void> {
  const [record] = await DistributionModel.query(tx).patch(changes).where({ id }).returning(["id", "account_id"]);
  if (record !== undefined) for (const name of staleNames(record)) makeStale(tx, name);
}

type SeenFields = "status" | "statusReason" | "gotipathDeletedAt" | "isCnameValid" | "isAcmeChallengeValid";

/** Status alone: nothing of it is compiled, so the version stays. */
export async function updateStatus(
  tx: Tx,
  id: string,
  changes: Partial<Pick<DistributionRecord, SeenFields>>,
): Promise<void> {
  await patchDistribution(tx, id, changes);
}

export async function findDistribution(reads: Reads, id: string): Promise<DistributionRecord | undefined> {
  return DistributionModel.query(reads).findById(id);
}

/** The accounts of those that are or were, by distribution. */
export async function findOwners(reads: Reads, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await DistributionModel.query(reads).select("id", "account_id").whereIn("id", ids);
  return new Map(rows.map((row) => [row.id, row.accountId]));
}

/** What was last to be compiled. */
export async function findSourceVersion(reads: Reads, id: string): Promise<number | undefined> {
  return (await DistributionModel.query(reads).findById(id).select("version"))?.version;
}

/** The row, held until the transaction ends: two writers of one distribution take turns. */
export async function lockDistribution(tx: Tx, id: string): Promise<DistributionRecord | undefined> {
  return DistributionModel.query(tx).findById(id).forUpdate();
}

export interface ListedDistribution {
  readonly id: string;
  readonly page_key: string;
  readonly record: DistributionRecord;
}

const ORDERINGS: Readonly<Record<Sorting, Ordering>> = {
  "-created_at": { by: "created_at", type: "timestamptz", direction: "desc" },
  created_at: { by: "created_at", type: "timestamptz", direction: "asc" },
  "-updated_at": { by: "updated_at", type: "timestamptz", direction: "desc" },
  updated_at: { by: "updated_at", type: "timestamptz", direction: "asc" },
  label: { by: "lower(label)", type: "text", direction: "asc" },
  "-label": { by: "lower(label)", type: "text", direction: "desc" },
  domain: { by: "lower(domain)", type: "text", direction: "asc" },
  "-domain": { by: "lower(domain)", type: "text", direction: "desc" },
};

/** One row more than the page holds, so that the caller sees whether there is a next one. */
export async function findDistributionsOfAccount(
  reads: Reads,
  accountId: string,
  asked: ListDistributionsQuery & { readonly isCutOff: boolean },
): Promise<readonly ListedDistribution[]> {
  const ordering = ORDERINGS[asked.sort];
  const query = DistributionModel.query(reads)
    .select("distribution.*", DistributionModel.raw(pageKeyOf(ordering)))
    .where({ account_id: accountId })
    .whereRaw(...rowsAfter(asked, ordering))
    .orderByRaw(orderOf(ordering))
    .limit(asked.limit + 1);
  if (asked.status === undefined) query.whereNull("deleted_at");
  else if (asked.isCutOff && asked.status === "disabled") query.whereNull("deleted_at");
  else query.where({ status: asked.status });
  // What is cut off has no other status than that.
  if (asked.isCutOff && isLiving(asked.status)) query.whereRaw("false");
  if (asked.acceleration_type !== undefined) query.where({ acceleration_type: asked.acceleration_type });
  if (asked.type !== undefined) query.where({ cdn_type: asked.type });
  if (asked.domain !== undefined) query.whereRaw("lower(domain) = lower(?)", [asked.domain]);
  if (asked.search !== undefined) query.where((either) => matching(either, asked.search ?? ""));
  return (await query).map((record) => ({ id: record.id, page_key: record.pageKey ?? "", record }));
}

function isLiving(status: DistributionStatus | undefined): boolean {
  return status !== undefined && !["disabled", "deleting", "deleted"].includes(status);
}

/** The text anywhere in the names, as it stands: `%` and `_` are no wildcards. */
function matching(either: { orWhereRaw(sql: string, bindings: string[]): unknown }, text: string): void {
  for (const column of ["domain", "label", "cname"]) {
    either.orWhereRaw(`position(lower(?) in lower(${column})) > 0`, [text]);
  }
}

/** Ids in rising order, a page at a time, for whoever walks all of them. */
export async function findDistributionIds(
  reads: Reads,
  after: string | undefined,
  limit: number,
): Promise<readonly string[]> {
  const query = DistributionModel.query(reads).select("id").orderBy("id").limit(limit);
  if (after !== undefined) query.where("id", ">", after);
  return (await query).map((row) => row.id);
}

/** Whoever creates takes turns with others who do so for the account: the count holds until the transaction ends. */
export async function countToCreate(tx: Tx, accountId: string): Promise<number> {
  await tx.raw("select pg_advisory_xact_lock(hashtextextended(?, 0))", [`distributions:${accountId}`]);
  return DistributionModel.query(tx).where({ account_id: accountId }).whereNull("deleted_at").resultSize();
}

/** How many would miss this cache policy. */
export async function countDistributionsOfPolicy(reads: Reads, policyId: string): Promise<number> {
  return DistributionModel.query(reads).where({ cache_policy_id: policyId }).whereNull("deleted_at").resultSize();
}

/** How many are kept to this edge group by name. */
export async function countDistributionsOfGroup(reads: Reads, groupId: string): Promise<number> {
  return DistributionModel.query(reads)
    .whereRaw(...keptTo(groupId))
    .whereNull("deleted_at")
    .resultSize();
}

function keptTo(groupId: string): [string, string[]] {
  return ["edge_group_ids @> ?::jsonb", [JSON.stringify([groupId])]];
}

/** What a distribution depends on beside its own settings. The platform's certificate serves its zone. */
export interface Dependence {
  readonly kind: "account" | "edge group" | "cache policy" | "certificate" | "platform certificate";
  readonly id: string;
}

export interface Page {
  readonly after: string | null;
  readonly limit: number;
}

/** Their ids in rising order, a page at a time, held until the transaction ends. */
export async function lockDependants(tx: Tx, on: Dependence, { after, limit }: Page): Promise<readonly string[]> {
  const query = DistributionModel.query(tx).select("id").whereNull("deleted_at").orderBy("id").limit(limit).forUpdate();
  if (on.kind === "account") query.where({ account_id: on.id });
  else if (on.kind === "edge group") query.whereRaw(...keptTo(on.id));
  else if (on.kind === "cache policy") query.where({ cache_policy_id: on.id });
  else if (on.kind === "certificate") query.where((either) => servedWith(either, on.id));
  else query.where({ domain_type: "subdomain", is_redirect_http_to_https: true });
  if (after !== null) query.where("id", ">", after);
  return (await query).map((row) => row.id);
}

function servedWith(either: { orWhere(column: string, id: string): unknown }, certificateId: string): void {
  either.orWhere("certificate_id", certificateId);
  either.orWhere("former_certificate_id", certificateId);
}

/** It is there: nobody is shown another one in its stead any more. */
export async function forgetFormerCertificates(tx: Tx, certificateId: string): Promise<void> {
  await DistributionModel.query(tx)
    .patch({ formerCertificateId: null })
    .where({ certificate_id: certificateId })
    .whereNotNull("former_certificate_id");
}

/** Whose these targets of CNAMEs are; those that are nobody's are left out. */
export async function findTargetOwners(reads: Reads, cnames: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await DistributionModel.query(reads)
    .select("cname", "account_id")
    .whereIn("cname", [...cnames])
    .whereNull("deleted_at");
  return new Map(rows.map(({ cname, accountId }) => [cname, accountId]));
}

/** Those whose name it is, and those whose wildcard stands for its first label. */
export async function findDistributionsByHost(reads: Reads, host: string): Promise<readonly DistributionRecord[]> {
  const wildcard = host.replace(/^[^.]*/, "*");
  return DistributionModel.query(reads)
    .where((either) => either.whereIn("domain", [host, wildcard]).orWhere({ cname: host }))
    .whereNull("deleted_at")
    .orderBy("created_at");
}

/** The living one that holds this claim. */
export async function findDistributionOfClaim(reads: Reads, domainId: string): Promise<DistributionRecord | undefined> {
  return DistributionModel.query(reads).findOne({ domain_id: domainId });
}
