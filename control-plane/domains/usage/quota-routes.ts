// Quotas over HTTP: an account reads its own, operators set them.
import { defineRoute, type Route } from "../../http/define-route.ts";
import { reportTooLarge } from "../report/index.ts";
import { unknownAccount, unknownQuota } from "./problems.ts";
import {
  type AccountQuotaReply,
  accountQuotaReply,
  accountQuotasReply,
  type QuotaReply,
  quotaInput,
  quotaParams,
  quotaReply,
  quotaSetReply,
  quotasQuery,
} from "./quota-schema.ts";
import type { QuotaOfMonth, QuotaService } from "./quota-service.ts";

const tag = "Platform";
const reading = { kind: "operator", scope: "platform:read" } as const;
const writing = { kind: "operator", scope: "platform:write" } as const;

export function quotaRoutes(quotas: QuotaService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/quota",
      operationId: "getQuota",
      tag: "Usage",
      summary: "How much the account may use in a month, and how much of it is used",
      access: { kind: "account", role: "viewer", scope: "reports:read" },
      reply: { status: 200, body: quotaReply },
      problems: [unknownAccount, reportTooLarge],
      handle: async ({ caller, facts }) => ({ body: quotaToReply(await quotas.getOwn(caller, facts.signal)) }),
    }),
    defineRoute({
      method: "GET",
      path: "/platform/quotas",
      operationId: "listQuotas",
      tag,
      summary: "The accounts with a quota of their own, and those that are cut off",
      access: reading,
      query: quotasQuery,
      reply: { status: 200, body: accountQuotasReply },
      async handle({ query, facts }) {
        const { items, hasMore } = await quotas.list(query, facts.signal);
        const data = items.map(accountQuotaToReply);
        return { body: { data, next_cursor: hasMore ? (data.at(-1)?.account_id ?? null) : null } };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/platform/quotas/{account_id}",
      operationId: "getQuotaOfAccount",
      tag,
      summary: "How much an account may use in a month, and how much of it is used",
      access: reading,
      params: quotaParams,
      reply: { status: 200, body: accountQuotaReply },
      problems: [unknownAccount],
      async handle({ params: { account_id: accountId }, facts }) {
        return { body: accountQuotaToReply(await quotas.get(accountId, facts.signal)) };
      },
    }),
    defineRoute({
      method: "PUT",
      path: "/platform/quotas/{account_id}",
      operationId: "setQuota",
      tag,
      summary: "Give an account a quota of its own; what is cut off and is not over it any more is served again",
      access: writing,
      params: quotaParams,
      body: quotaInput,
      reply: { status: 200, body: quotaSetReply },
      problems: [unknownAccount],
      async handle({ params: { account_id }, body, caller }) {
        await quotas.set(caller, account_id, body);
        return { body: { account_id, ...body } };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/platform/quotas/{account_id}",
      operationId: "deleteQuota",
      tag,
      summary: "Return an account to the quota that its owners' role brings",
      access: writing,
      params: quotaParams,
      reply: { status: 204, empty: true },
      problems: [unknownAccount, unknownQuota],
      async handle({ params, caller }) {
        await quotas.remove(caller, params.account_id);
        return {};
      },
    }),
  ];
}

function quotaToReply({ month, quota, used, cutOffAt }: QuotaOfMonth): QuotaReply {
  return {
    ...{ month, source: quota.source, cuts_off: quota.cutsOff, cut_off_at: cutOffAt?.toISOString() ?? null },
    requests: { limit: quota.requests, used: used.requests },
    bytes: { limit: quota.bytes, used: used.bytes },
  };
}

function accountQuotaToReply(quota: QuotaOfMonth): AccountQuotaReply {
  return { account_id: quota.accountId, account: quota.accountName, ...quotaToReply(quota) };
}
