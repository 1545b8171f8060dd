// The audit log over HTTP: an account's own, and the whole platform's for its operators.
import type { z } from "zod";
import { pageOf, pageSchema } from "../../database/paging.ts";
import type { Database } from "../../database/transaction.ts";
import { defineRoute, type Route } from "../../http/define-route.ts";
import type { AuditRow } from "./read-model.ts";
import { auditEntryReply, auditQuery, platformAuditQuery } from "./schema.ts";
import { listAudit } from "./service.ts";

const tag = "Audit";

export function auditRoutes({ db }: { db: Database }): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/audit",
      operationId: "listAudit",
      tag,
      summary: "Who changed what in the account, newest first",
      access: { kind: "account", role: "admin", scope: "audit:read" },
      query: auditQuery,
      reply: { status: 200, body: pageSchema(auditEntryReply) },
      async handle({ query, caller }) {
        const rows = await listAudit(db, { ...query, account_id: caller.accountId }, query);
        return { body: pageOf(rows, query, rowToReply) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/platform/audit",
      operationId: "listPlatformAudit",
      tag,
      summary: "Who changed what on the whole platform, newest first",
      access: { kind: "operator", scope: "platform:read" },
      query: platformAuditQuery,
      reply: { status: 200, body: pageSchema(auditEntryReply) },
      async handle({ query }) {
        return { body: pageOf(await listAudit(db, query, query), query, rowToReply) };
      },
    }),
  ];
}

function rowToReply({ page_key: _, created_at, ...row }: AuditRow): z.input<typeof auditEntryReply> {
  return { ...row, created_at: created_at.toISOString() };
}
