// What is read across owners: which accounts there are, and what distributions are called.
import { z } from "zod";
import type { Reads } from "../../database/transaction.ts";
import { type Month, type Period, periodOf } from "./month.ts";

const accountRow = z.object({ id: z.uuid(), name: z.string() });
export type AccountRow = z.output<typeof accountRow>;

/** Those that there were in that time, also if they were deleted since, by their ids. */
export async function findAccounts(
  reads: Reads,
  { period, after, limit }: { period: Period; after: string | undefined; limit: number },
): Promise<readonly AccountRow[]> {
  const rows: unknown = await accountsOf(reads, period, after).limit(limit);
  return z.array(accountRow).parse(rows);
}

function accountsOf(reads: Reads, period: Period, after: string | undefined) {
  const query = reads("account")
    .select("id", "name")
    .where("created_at", "<", period.to)
    .where((either) => either.whereNull("deleted_at").orWhere("deleted_at", ">=", period.from))
    .orderBy("id");
  return after === undefined ? query : query.where("id", ">", after);
}

/** Those of that month whose figures are not stored yet. */
export async function findOpenAccounts(
  reads: Reads,
  { month, after, limit }: { month: Month; after: string | undefined; limit: number },
): Promise<readonly string[]> {
  const stored = reads("usage_month").where({ month }).whereRaw("account_id = account.id");
  const rows: unknown = await accountsOf(reads, periodOf(month), after).whereNotExists(stored).limit(limit);
  return z
    .array(accountRow)
    .parse(rows)
    .map(({ id }) => id);
}

export async function findFirstAccountTime(reads: Reads): Promise<Date | undefined> {
  const row: unknown = await reads("account").min({ first: "created_at" }).first();
  return z.object({ first: z.date().nullable() }).parse(row).first ?? undefined;
}

/** Whether an edge has said that lines of before that time wait to be sent, or has said nothing since. */
export async function findEdgesInArrears(reads: Reads, before: Date): Promise<boolean> {
  const row: unknown = await reads("edge_node")
    .where((either) => either.where("log_behind_since", "<", before).orWhere("reported_at", "<", before))
    .first("id");
  return row !== undefined;
}

const domainRow = z.object({ id: z.uuid(), domain: z.string() });

export async function findDomains(reads: Reads, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows: unknown = await reads("distribution")
    .select("id", "domain")
    .whereRaw("id = any(?)", [[...ids]]);
  return new Map(
    z
      .array(domainRow)
      .parse(rows)
      .map(({ id, domain }) => [id, domain]),
  );
}
