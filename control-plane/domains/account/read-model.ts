// What is read across owners: the people behind memberships, a person's accounts, what still lives in an account.
import { z } from "zod";
import { NEWEST_FIRST, PAGE_KEY, type PageQuery, rowsAfter } from "../../database/paging.ts";
import type { Reads } from "../../database/transaction.ts";
import { accountRoles } from "../../http/caller.ts";

const memberRow = z.object({
  id: z.uuid(),
  page_key: z.string(),
  user_id: z.uuid(),
  username: z.string(),
  email: z.string().nullable(),
  role: z.enum(accountRoles),
  created_at: z.date(),
});
export type MemberRow = z.output<typeof memberRow>;

const MEMBER_COLUMNS = ["member.*", "user.username", "user.email"];
/** Of the page as a whole, in which names of columns are plain. */
const MEMBERS_IN_ORDER = "member.created_at desc, member.id desc";

/** One row more than the page holds. */
export async function findMembers(reads: Reads, accountId: string, page: PageQuery): Promise<readonly MemberRow[]> {
  const members = reads("membership")
    .select("*", reads.raw(PAGE_KEY))
    .where({ account_id: accountId })
    .whereRaw(...rowsAfter(page))
    .orderByRaw(NEWEST_FIRST)
    .limit(page.limit + 1);
  const rows: unknown = await reads
    .select(MEMBER_COLUMNS)
    .from(members.as("member"))
    .join("user", "user.id", "member.user_id")
    .orderByRaw(MEMBERS_IN_ORDER);
  return z.array(memberRow).parse(rows);
}

export async function findMember(
  reads: Reads,
  accountId: string,
  who: { userId: string } | { email: string },
): Promise<MemberRow | undefined> {
  const query = reads("membership as member")
    .select([...MEMBER_COLUMNS, reads.raw("member.created_at::text as page_key")])
    .join("user", "user.id", "member.user_id")
    .where({ "member.account_id": accountId })
    .first();
  if ("userId" in who) query.where({ "member.user_id": who.userId });
  else query.whereRaw(`lower("user".email) = lower(?)`, [who.email]);
  const row: unknown = await query;
  return memberRow.optional().parse(row);
}

const readerRow = z.object({ userId: z.uuid(), email: z.string(), isInCharge: z.boolean() });
export type ReaderOfLetters = z.output<typeof readerRow>;

/** The account's owners and admins, and of these users its members: of those who may act here, and have an address. */
export async function findReadersOfLetters(
  reads: Reads,
  accountId: string,
  userIds: readonly string[],
): Promise<readonly ReaderOfLetters[]> {
  const inCharge = reads.raw("member.role in ('owner', 'admin')");
  const rows: unknown = await reads("membership as member")
    .select({ userId: "member.user_id", email: "user.email", isInCharge: inCharge })
    .join("user", "user.id", "member.user_id")
    .where({ "member.account_id": accountId })
    .where((either) => either.where(inCharge).orWhereIn("member.user_id", [...userIds]))
    .whereNotNull("user.email")
    .whereNull("user.suspended_at")
    .orderBy("user.email");
  return z.array(readerRow).parse(rows);
}

const accountOfUserRow = z.object({
  id: z.uuid(),
  page_key: z.string(),
  account_id: z.uuid(),
  name: z.string(),
  role: z.enum(accountRoles),
  account_created_at: z.date(),
});
export type AccountOfUserRow = z.output<typeof accountOfUserRow>;

/** Newest membership first; one row more than the page holds. */
export async function findAccountsOfUser(
  reads: Reads,
  userId: string,
  page: PageQuery,
): Promise<readonly AccountOfUserRow[]> {
  const members = reads("membership")
    .select("*", reads.raw(PAGE_KEY))
    .where({ user_id: userId })
    .whereRaw(...rowsAfter(page))
    .orderByRaw(NEWEST_FIRST)
    .limit(page.limit + 1);
  const rows: unknown = await reads
    .select(["member.*", "account.name", "account.created_at as account_created_at"])
    .from(members.as("member"))
    .join("account", "account.id", "member.account_id")
    .orderByRaw(MEMBERS_IN_ORDER);
  return z.array(accountOfUserRow).parse(rows);
}

const livingRow = z.object({ id: z.uuid(), domain: z.string() });

/** The distributions that keep an account from being deleted: up to `limit` of them, and how many there are. */
export async function findLiveDistributions(
  reads: Reads,
  accountId: string,
  limit: number,
): Promise<{ readonly count: number; readonly some: readonly z.output<typeof livingRow>[] }> {
  const live = () => reads("distribution").where({ account_id: accountId }).whereNull("deleted_at");
  const some: unknown = await live().select("id", "domain").orderByRaw(NEWEST_FIRST).limit(limit);
  const counted: unknown = await live().count({ count: "*" }).first();
  return { count: z.object({ count: z.int() }).parse(counted).count, some: z.array(livingRow).parse(some) };
}
