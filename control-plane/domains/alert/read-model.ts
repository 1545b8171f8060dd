// What alerts read of other domains' tables: distributions, members and certificates, many at once.
import { z } from "zod";
import type { Reads } from "../../database/transaction.ts";

const distributionRow = z.object({
  id: z.uuid(),
  account_id: z.uuid(),
  domain: z.string(),
  status: z.string(),
  certificate_id: z.uuid().nullable(),
  former_certificate_id: z.uuid().nullable(),
  created_at: z.date(),
  deleted_at: z.date().nullable(),
});
export type WatchedDistribution = z.output<typeof distributionRow>;

const WATCHED_COLUMNS = Object.keys(distributionRow.shape);

export async function findDistributions(
  reads: Reads,
  ids: readonly string[],
): Promise<ReadonlyMap<string, WatchedDistribution>> {
  if (ids.length === 0) return new Map();
  const rows: unknown = await reads("distribution")
    .select(WATCHED_COLUMNS)
    .whereIn("id", [...ids]);
  return new Map(
    z
      .array(distributionRow)
      .parse(rows)
      .map((row) => [row.id, row]),
  );
}

/** Of these users, those that belong to the account. */
export async function findMembersAmong(
  reads: Reads,
  accountId: string,
  userIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (userIds.length === 0) return new Set();
  const rows: unknown = await reads("membership")
    .where({ account_id: accountId })
    .whereIn("user_id", [...userIds])
    .pluck("user_id");
  return new Set(z.array(z.uuid()).parse(rows));
}

const accountRow = z.object({ id: z.uuid(), created_at: z.date(), cut_off_at: z.date().nullable() });
export type WatchedAccount = z.output<typeof accountRow>;

export async function findAccounts(
  reads: Reads,
  accountIds: readonly string[],
): Promise<ReadonlyMap<string, WatchedAccount>> {
  const rows: unknown = await reads("account")
    .select(Object.keys(accountRow.shape))
    .whereIn("id", [...accountIds]);
  return new Map(
    z
      .array(accountRow)
      .parse(rows)
      .map((row) => [row.id, row]),
  );
}

/** Who has a distribution that the group of one of these edges carries, or has carried. */
export async function findAccountsCarriedBy(reads: Reads, edgeIds: readonly string[]): Promise<ReadonlySet<string>> {
  if (edgeIds.length === 0) return new Set();
  const rows: unknown = await reads("edge_node")
    .join("deployment", "deployment.scope", "edge_node.group_id")
    .join("distribution", "distribution.id", "deployment.distribution_id")
    .whereIn("edge_node.id", [...edgeIds])
    .where("deployment.rev", ">", 0)
    .distinct("distribution.account_id")
    .pluck("distribution.account_id");
  return new Set(z.array(z.uuid()).parse(rows));
}
