// API tokens beside whose they are: alive as long as the membership that they were made by.
import { z } from "zod";
import { NEWEST_FIRST, PAGE_KEY, type PageQuery, rowsAfter } from "../../database/paging.ts";
import type { Reads } from "../../database/transaction.ts";
import { scopes } from "../../http/caller.ts";

const apiTokenRow = z.object({
  id: z.uuid(),
  page_key: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(scopes)),
  user_id: z.uuid(),
  username: z.string(),
  created_at: z.date(),
  expires_at: z.date().nullable(),
  last_used_at: z.date().nullable(),
});
export type ApiTokenRow = z.output<typeof apiTokenRow>;

/** All of the account's, or one member's. */
interface Whose {
  readonly accountId: string;
  readonly userId: string | undefined;
}

/** One row more than the page holds. */
export async function findApiTokens(reads: Reads, whose: Whose, page: PageQuery): Promise<readonly ApiTokenRow[]> {
  const tokens = liveTokens(reads, whose)
    .whereRaw(...rowsAfter(page))
    .orderByRaw(NEWEST_FIRST)
    .limit(page.limit + 1);
  const rows: unknown = await withNames(reads, tokens).orderByRaw("token.created_at desc, token.id desc");
  return z.array(apiTokenRow).parse(rows);
}

export async function findApiToken(reads: Reads, whose: Whose, id: string): Promise<ApiTokenRow | undefined> {
  const row: unknown = await withNames(reads, liveTokens(reads, whose).where({ id })).first();
  return apiTokenRow.optional().parse(row);
}

function liveTokens(reads: Reads, { accountId, userId }: Whose) {
  const query = reads("api_token")
    .select("*", reads.raw(PAGE_KEY))
    .where({ account_id: accountId })
    .whereNull("revoked_at")
    .whereExists(reads("membership").select(reads.raw("1")).whereRaw("membership.id = api_token.membership_id"));
  return userId === undefined ? query : query.where({ user_id: userId });
}

function withNames(reads: Reads, tokens: ReturnType<typeof liveTokens>) {
  return reads.select("token.*", "user.username").from(tokens.as("token")).join("user", "user.id", "token.user_id");
}
