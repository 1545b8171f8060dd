// A person's accounts, and the one that a request acts for, over HTTP.
import { z } from "zod";
import { pageOf, pageQuery, pageSchema } from "../../database/paging.ts";
import { defineRoute, type RequestFacts, type Route } from "../../http/define-route.ts";
import { assertIfMatch } from "../../http/etag.ts";
import { failedPrecondition } from "../../http/problems.ts";
import { invitationRoutes } from "./invitation-routes.ts";
import type { InvitationService } from "./invitation-service.ts";
import { memberRoutes } from "./member-routes.ts";
import type { MemberService } from "./member-service.ts";
import { accountInUse, tooManyAccounts } from "./problems.ts";
import type { AccountOfUserRow } from "./read-model.ts";
import { accountInput, accountOfUserReply, accountReply, patchAccountInput, transferInput } from "./schema.ts";
import { type AccountService, accountToReply } from "./service.ts";
import type { AccountRecord } from "./store.ts";

const tag = "Accounts and access";

export function accountRoutes({
  accounts,
  members,
  invitations,
  clock,
}: {
  accounts: AccountService;
  members: MemberService;
  invitations: InvitationService;
  clock: () => Date;
}): Route[] {
  return [
    ...ownRoutes(accounts),
    ...namedAccountRoutes(accounts),
    ...memberRoutes(members),
    ...invitationRoutes(invitations, clock),
  ];
}

function ownRoutes(accounts: AccountService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/accounts",
      operationId: "listAccounts",
      tag,
      summary: "The accounts you belong to, the latest first",
      access: { kind: "user" },
      query: z.object(pageQuery),
      reply: { status: 200, body: pageSchema(accountOfUserReply) },
      async handle({ query, caller }) {
        return { body: pageOf(await accounts.list(caller, query), query, rowToReply) };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/accounts",
      operationId: "createAccount",
      tag,
      summary: "Another account of your own",
      access: { kind: "user" },
      body: accountInput,
      reply: { status: 201, body: accountOfUserReply },
      problems: [tooManyAccounts],
      async handle({ body, caller }) {
        const account = await accounts.create(caller, body);
        return { body: { ...accountToReply(account), role: "owner" as const } };
      },
    }),
  ];
}

/** Of the account that X-Account-Id names. */
function namedAccountRoutes(accounts: AccountService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/account",
      operationId: "getAccount",
      tag,
      summary: "The account you act for",
      access: { kind: "account", role: "viewer", scope: "account:read" },
      reply: { status: 200, body: accountReply },
      async handle({ caller }) {
        return { body: accountToReply(await accounts.get(caller)) };
      },
    }),
    defineRoute({
      method: "PATCH",
      path: "/account",
      operationId: "updateAccount",
      tag,
      summary: "Give the account another name",
      access: { kind: "account", role: "admin", scope: "account:write" },
      ifMatch: true,
      body: patchAccountInput,
      reply: { status: 200, body: accountReply },
      problems: [failedPrecondition],
      async handle({ body, caller, facts }) {
        return { body: accountToReply(await accounts.update(caller, body, asRead(facts))) };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/account/transfer",
      operationId: "transferAccount",
      tag,
      summary: "Make a member an owner and yourself an admin",
      access: { kind: "account", role: "owner", scope: "account:write" },
      sessionOnly: true,
      body: transferInput,
      reply: { status: 204, empty: true },
      async handle({ body, caller }) {
        await accounts.transfer(caller, body.user_id);
        return {};
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/account",
      operationId: "deleteAccount",
      tag,
      summary: "End the account, once nothing lives in it",
      access: { kind: "account", role: "owner", scope: "account:write" },
      sessionOnly: true,
      ifMatch: true,
      reply: { status: 204, empty: true },
      problems: [accountInUse, failedPrecondition],
      async handle({ caller, facts }) {
        await accounts.remove(caller, asRead(facts));
        return {};
      },
    }),
  ];
}

/** With If-Match, the account must still be the one that was read. */
function asRead(facts: RequestFacts): (current: AccountRecord) => void {
  return (current) => assertIfMatch(facts, accountToReply(current));
}

function rowToReply(row: AccountOfUserRow): z.input<typeof accountOfUserReply> {
  return { id: row.account_id, name: row.name, created_at: row.account_created_at.toISOString(), role: row.role };
}
