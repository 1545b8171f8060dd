// Usage over HTTP: of one's own account, and of all accounts for whoever writes the invoices.
import { defineRoute, type RequestFacts, type Route } from "../../http/define-route.ts";
import { reportTooLarge } from "../report/index.ts";
import { unknownMonth } from "./problems.ts";
import { accountsToCsv, accountToReply, detailsToReply, monthsToCsv, monthToReply, partsToCsv } from "./reply.ts";
import {
  ACCOUNTS_MAX,
  type AccountsUsageQuery,
  type AccountUsageReply,
  accountsUsageQuery,
  accountsUsageReply,
  monthParams,
  monthPartsQuery,
  usageDetailsReply,
  usageListReply,
  usageQuery,
} from "./schema.ts";
import type { UsageService } from "./service.ts";

const tag = "Usage";
const CSV = "text/csv";
const reading = { kind: "account", role: "viewer", scope: "reports:read" } as const;

export function usageRoutes(usage: UsageService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/usage",
      operationId: "listUsage",
      tag,
      summary: "What the account has used in each month, the running one first",
      access: reading,
      query: usageQuery,
      reply: { status: 200, body: usageListReply, also: [CSV] },
      problems: [reportTooLarge],
      async handle({ query, caller, facts }) {
        const { items, hasMore } = await usage.list(caller, query, facts.signal);
        const data = items.map(monthToReply);
        if (facts.accepted === CSV) return { written: { type: CSV, text: monthsToCsv(data) } };
        return { body: { data, next_cursor: hasMore ? (data.at(-1)?.month ?? null) : null } };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/usage/{month}",
      operationId: "getUsage",
      tag,
      summary: "One month, by day and by distribution",
      access: reading,
      params: monthParams,
      query: monthPartsQuery,
      reply: { status: 200, body: usageDetailsReply, also: [CSV] },
      problems: [unknownMonth, reportTooLarge],
      async handle({ params, query, caller, facts }) {
        const body = detailsToReply(await usage.get(caller, params.month, facts.signal));
        return facts.accepted === CSV ? { written: { type: CSV, text: partsToCsv(body, query.by) } } : { body };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/platform/usage",
      operationId: "listUsageOfAccounts",
      tag: "Platform",
      summary: "What every account has used in a month; as CSV for invoices, all of them at once",
      access: { kind: "operator", scope: "platform:read" },
      query: accountsUsageQuery,
      reply: { status: 200, body: accountsUsageReply, also: [CSV] },
      problems: [unknownMonth],
      async handle({ query, facts }) {
        if (facts.accepted === CSV) return { written: { type: CSV, text: accountsToCsv(await all(query, facts)) } };
        const { items, hasMore } = await usage.listAccounts(query, facts.signal);
        const data = items.map(accountToReply);
        return { body: { data, next_cursor: hasMore ? (data.at(-1)?.account_id ?? null) : null } };
      },
    }),
  ];

  async function all(query: AccountsUsageQuery, { signal }: RequestFacts): Promise<readonly AccountUsageReply[]> {
    const found: AccountUsageReply[] = [];
    for (let cursor = query.cursor; ; cursor = found.at(-1)?.account_id) {
      const { items, hasMore } = await usage.listAccounts({ ...query, cursor, limit: ACCOUNTS_MAX }, signal);
      found.push(...items.map(accountToReply));
      if (!hasMore) return found;
    }
  }
}
