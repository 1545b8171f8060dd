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

/** Since when there are these accounts; those that are deleted are not there. */
export async function findAccountBirths(
  reads: Reads,
  accountIds: readonly string[],
): Promise<ReadonlyMap<string, Date>> {
  const rows: unknown = await reads("account")
    .select("id", "created_at")
    .whereIn("id", [...accountIds])
    .whereNull("deleted_at");
  const births = z.array(z.object({ id: z.uuid(), created_at: z.date() })).parse(rows);
  return new Map(births.map(({ id, created_at }) => [id, created_at]));
}
