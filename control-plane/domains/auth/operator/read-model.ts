// People, and where they belong, for the platform's operators.
import { z } from "zod";
import { NEWEST_FIRST, PAGE_KEY, type PageQuery, rowsAfter } from "../../../database/paging.ts";
import type { Reads, Tx } from "../../../database/transaction.ts";
import { platformRoles } from "../../../http/caller.ts";
import { findAccountsOfUser } from "../../account/index.ts";

const userRow = z.object({
  id: z.uuid(),
  page_key: z.string(),
  username: z.string(),
  email: z.string().nullable(),
  email_verified_at: z.date().nullable(),
  name: z.string().nullable(),
  bio: z.string().nullable(),
  avatar_url: z.string().nullable(),
  platform_role: z.enum(platformRoles),
  suspended_at: z.date().nullable(),
  suspension_reason: z.string().nullable(),
  created_at: z.date(),
});
export type UserRow = z.output<typeof userRow>;

export interface UserFilter {
  readonly platform_role?: UserRow["platform_role"] | undefined;
  readonly status?: "active" | "suspended" | undefined;
  readonly search?: string | undefined;
}

/** One row more than the page holds. */
export async function findUsers(reads: Reads, filter: UserFilter, page: PageQuery): Promise<readonly UserRow[]> {
  const query = reads("user")
    .select("*", reads.raw(PAGE_KEY))
    .whereRaw(...rowsAfter(page))
    .orderByRaw(NEWEST_FIRST)
    .limit(page.limit + 1);
  if (filter.platform_role !== undefined) query.where({ platform_role: filter.platform_role });
  if (filter.status === "active") query.whereNull("suspended_at");
  if (filter.status === "suspended") query.whereNotNull("suspended_at");
  if (filter.search !== undefined) {
    const beginning = `${filter.search.replaceAll(/[\\%_]/g, "\\$&").toLowerCase()}%`;
    query.whereRaw("(lower(username) like ? or lower(email) like ?)", [beginning, beginning]);
  }
  const rows: unknown = await query;
  return z.array(userRow).parse(rows);
}

export interface UserDetails {
  readonly user: UserRow;
  readonly accounts: Awaited<ReturnType<typeof findAccountsOfUser>>;
}

const ACCOUNTS_MAX = 100;

export async function findUserDetails(reads: Reads, id: string): Promise<UserDetails | undefined> {
  const row: unknown = await reads("user").select("*", reads.raw(PAGE_KEY)).where({ id }).first();
  const user = userRow.optional().parse(row);
  if (user === undefined) return undefined;
  const accounts = await findAccountsOfUser(reads, id, { limit: ACCOUNTS_MAX });
  return { user, accounts: accounts.slice(0, ACCOUNTS_MAX) };
}

/** Admins who may act. Whoever makes or unmakes one takes turns: held until the transaction ends. */
export async function lockAdministrators(tx: Tx): Promise<readonly string[]> {
  await tx.raw("select pg_advisory_xact_lock(hashtextextended('administrators', 0))");
  const rows: unknown = await tx("user").select("id").where({ platform_role: "admin" }).whereNull("suspended_at");
  return z
    .array(z.object({ id: z.uuid() }))
    .parse(rows)
    .map(({ id }) => id);
}
