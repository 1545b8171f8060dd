// What is read across owners: which accounts there are, and what distributions are called.
import { z } from "zod";
import type { Reads } from "../../database/transaction.ts";
import type { Period } from "./month.ts";

const accountRow = z.object({ id: z.uuid(), name: z.string() });
export type AccountRow = z.output<typeof accountRow>;

/** Those that there were in that time, also if they were deleted since, by their ids. */
export async function findAccounts(
  reads: Reads,
  { period, after, limit }: { period: Period; after: string | undefined; limit: number },
): Promise<readonly AccountRow[]> {
  const query = reads("account")
    .select("id", "name")
    .where("created_at", "<", period.to)
    .where((either) => either.whereNull("deleted_at").orWhere("deleted_at", ">=", period.from))
    .orderBy("id")
    .limit(limit);
  if (after !== undefined) query.where("id", ">", after);
  const rows: unknown = await query;
  return z.array(accountRow).parse(rows);
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
