// The audit log with the names of who acted. Each filter has an index that serves it newest first, among millions of entries.
import type { Knex } from "knex";
import { z } from "zod";
import { NEWEST_FIRST, PAGE_KEY, type PageQuery, rowsAfter } from "../../database/paging.ts";
import type { Reads } from "../../database/transaction.ts";
import type { AuditFilter } from "./schema.ts";

const auditRow = z.object({
  id: z.uuid(),
  page_key: z.string(),
  created_at: z.date(),
  action: z.string(),
  account_id: z.uuid().nullable(),
  resource_type: z.string(),
  resource_id: z.string(),
  user_id: z.uuid().nullable(),
  username: z.string().nullable(),
  api_token_id: z.uuid().nullable(),
  api_token_name: z.string().nullable(),
  request_id: z.string().nullable(),
  client_address: z.string().nullable(),
  changes: z.array(z.object({ pointer: z.string(), before: z.unknown().optional(), after: z.unknown().optional() })),
});
export type AuditRow = z.output<typeof auditRow>;

const EQUALS = ["account_id", "resource_type", "resource_id", "user_id", "api_token_id"] as const;

/** One row more than the page holds. */
export async function findAuditEntries(
  reads: Reads,
  filter: AuditFilter,
  page: PageQuery,
): Promise<readonly AuditRow[]> {
  const entries = reads("audit_entry")
    .select("*", reads.raw(PAGE_KEY))
    .whereRaw(...rowsAfter(page))
    .orderByRaw(NEWEST_FIRST)
    .limit(page.limit + 1);
  narrow(entries, filter);
  const rows: unknown = await reads
    .select("entry.*", "user.username", "api_token.name as api_token_name")
    .from(entries.as("entry"))
    .leftJoin("user", "user.id", "entry.user_id")
    .leftJoin("api_token", "api_token.id", "entry.api_token_id")
    .orderByRaw("entry.created_at desc, entry.id desc");
  return z.array(auditRow).parse(rows);
}

function narrow(entries: Knex.QueryBuilder, filter: AuditFilter): void {
  for (const column of EQUALS) {
    const value = filter[column];
    if (value !== undefined) entries.where({ [column]: value });
  }
  if (filter.action !== undefined) {
    entries.whereRaw("action like ?", [`${filter.action.replaceAll("_", "\\_")}%`]);
  }
  // As dates: Postgres knows neither the year 0 nor an offset of 23 hours.
  if (filter.from !== undefined) entries.where("created_at", ">=", new Date(filter.from));
  if (filter.to !== undefined) entries.where("created_at", "<", new Date(filter.to));
}
