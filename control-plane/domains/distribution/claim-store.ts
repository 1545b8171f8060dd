// The domain table: claims on names, one per account and name, of which at most one serves. Its model stays in this file.
import { Model, snakeCaseMappers } from "objection";
import { z } from "zod";
import type { Columns } from "../../database/columns.ts";
import type { Reads, Tx } from "../../database/transaction.ts";

class DomainModel extends Model {
  static override tableName = "domain";
  static override columnNameMappers = snakeCaseMappers();

  declare id: string;
  declare accountId: string;
  declare name: string;
  declare isServing: boolean;
  /** What DNS says in favour of it; a CNAME to its own target counts more than a token. */
  declare proof: "none" | "token" | "cname";
  declare provenAt: Date | null;
  /** Since when another, better proven claim serves the name that this one served. */
  declare lostAt: Date | null;
  declare createdAt: Date;
}
export type DomainRecord = Columns<DomainModel>;

/** Beyond these, edges find out by themselves. */
const SHARERS_MAX = 50;

/** Claims on a name take turns, those on a wildcard with those on the names that it covers. */
async function lockName(tx: Tx, name: string): Promise<void> {
  const names = [name, ...wildcardsOver(name)].sort();
  for (const each of names) {
    await tx.raw("select pg_advisory_xact_lock(hashtextextended(?, 0))", [`domain:${each}`]);
  }
}

/** The wildcard that would cover the name; none for wildcards, which nothing covers. */
function wildcardsOver(name: string): readonly string[] {
  return name.startsWith("*.") ? [] : [name.replace(/^[^.]*/, "*")];
}

/**
 * Claims a name; it serves when nobody else does, be it by a wildcard that covers it. Undefined: the account has claimed it
 * already.
 */
export async function insertClaim(
  tx: Tx,
  claim: Pick<DomainRecord, "id" | "accountId" | "name" | "createdAt">,
): Promise<DomainRecord | undefined> {
  await lockName(tx, claim.name);
  const rivals = await DomainModel.query(tx).where({ name: claim.name });
  if (rivals.some((rival) => rival.accountId === claim.accountId)) return undefined;
  const isServing = (await findForeignClaim(tx, claim)) === undefined;
  const record = { ...claim, isServing, proof: "none", provenAt: null, lostAt: null } as const;
  await DomainModel.query(tx).insert(record);
  return record;
}

export async function findClaim(reads: Reads, id: string): Promise<DomainRecord | undefined> {
  return DomainModel.query(reads).findById(id);
}

/** The claim of another account that serves this name, or the wildcard that covers it where the account does not serve it. */
export async function findForeignClaim(
  reads: Reads,
  { accountId, name }: { readonly accountId: string; readonly name: string },
): Promise<DomainRecord | undefined> {
  const serving = await DomainModel.query(reads)
    .whereIn("name", [name, ...wildcardsOver(name)])
    .where({ is_serving: true });
  const holder = serving.find((claim) => claim.name === name) ?? serving[0];
  return holder === undefined || holder.accountId === accountId ? undefined : holder;
}

/** A claim and the distribution that it is for. */
export interface HeldClaim extends DomainRecord {
  readonly distributionId: string;
  readonly cname: string;
  readonly isCnameValid: boolean;
  readonly isAcmeChallengeValid: boolean;
  /** It was deleted, and edges may still serve it. */
  readonly isLeaving: boolean;
}

const heldSchema = z.object({
  distributionId: z.uuid(),
  cname: z.string(),
  isCnameValid: z.boolean(),
  isAcmeChallengeValid: z.boolean(),
  isLeaving: z.boolean(),
});

/** Those on the name, the oldest first; none is written by others until the transaction ends. */
export async function lockClaimsOn(tx: Tx, name: string): Promise<readonly HeldClaim[]> {
  await lockName(tx, name);
  return findClaimsOn(tx, [name]);
}

export async function findClaimsOn(reads: Reads, names: readonly string[]): Promise<readonly HeldClaim[]> {
  const rows = await DomainModel.query(reads)
    .select("domain.*", "distribution.id as distributionId", "distribution.cname")
    .select("distribution.is_cname_valid", "distribution.is_acme_challenge_valid")
    .select(reads.raw("distribution.deleted_at is not null as is_leaving"))
    .join("distribution", "distribution.domain_id", "domain.id")
    .whereIn("domain.name", names)
    .orderBy(["domain.created_at", "domain.id"]);
  return rows.map((row) => {
    const { id, accountId, name, isServing, proof, provenAt, lostAt, createdAt } = row;
    const claim = { id, accountId, name, isServing, proof, provenAt, lostAt, createdAt };
    return { ...claim, ...heldSchema.parse(row) };
  });
}

/** The wildcard over the name and the claims on it that serve. */
export async function findWildcardClaims(reads: Reads, name: string): Promise<readonly HeldClaim[]> {
  const held = await findClaimsOn(reads, wildcardsOver(name));
  return held.filter(({ isServing }) => isServing);
}

export async function updateClaim(
  tx: Tx,
  id: string,
  changes: Partial<Pick<DomainRecord, "isServing" | "proof" | "provenAt" | "lostAt">>,
): Promise<void> {
  await DomainModel.query(tx).patch(changes).where({ id });
}

/** Names below a wildcard that nobody serves: they were waiting for it, if they were. */
export async function findClaimsBelow(reads: Reads, wildcard: string, limit: number): Promise<readonly string[]> {
  const rows = await DomainModel.query(reads)
    .select("id")
    .where({ is_serving: false })
    .whereRaw("right(name, ?) = ? and position('.' in name) = length(name) - ? + 1", [
      wildcard.length - 1,
      wildcard.slice(1),
      wildcard.length - 1,
    ])
    .orderBy("created_at")
    .limit(limit);
  return rows.map(({ id }) => id);
}

/**
 * The distributions between which the name of this one has moved, those that lost it before the one that serves it; itself
 * among them. Edges are told of them in this order and at once, so that viewers never meet a name that is nobody's.
 */
export async function findNameSharers(reads: Reads, distributionId: string): Promise<readonly string[]> {
  const rows: unknown = await reads("distribution as asked")
    .join("domain as claim", "claim.id", "asked.domain_id")
    .join("domain as rival", "rival.name", "claim.name")
    .join("distribution as sharer", "sharer.domain_id", "rival.id")
    .where("asked.id", distributionId)
    .where((either) => either.where("rival.is_serving", true).orWhereNotNull("rival.lost_at"))
    .orderBy([{ column: "rival.is_serving" }, { column: "sharer.id" }])
    .limit(SHARERS_MAX)
    .select("sharer.id");
  const ids = z
    .array(z.object({ id: z.uuid() }))
    .parse(rows)
    .map(({ id }) => id);
  return ids.includes(distributionId) ? ids : [distributionId];
}

export interface ReleasedClaim {
  readonly name: string;
  /** The claim that serves the name from now on. */
  readonly heirId: string | undefined;
}

/** Gives a name up. The best proven of the other claims serves it from now on, the oldest of equal ones. */
export async function releaseClaim(tx: Tx, id: string): Promise<ReleasedClaim | undefined> {
  const claim = await DomainModel.query(tx).findById(id);
  if (claim === undefined) return undefined;
  await lockName(tx, claim.name);
  // Read again: it may have been moved while the lock was another's.
  const [released] = await DomainModel.query(tx).delete().where({ id }).returning("*");
  const { name } = claim;
  if (released === undefined || !released.isServing) return { name, heirId: undefined };
  const heir = await DomainModel.query(tx)
    .where({ name })
    .orderByRaw("array_position(array['cname', 'token', 'none'], proof), created_at, id")
    .first();
  if (heir === undefined) return { name, heirId: undefined };
  await DomainModel.query(tx).patch({ isServing: true, lostAt: null }).where({ id: heir.id });
  return { name, heirId: heir.id };
}
