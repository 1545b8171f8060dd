// People over HTTP, for the platform's operators.
import { z } from "zod";
import { pageOf, pageQuery, pageSchema } from "../../../database/paging.ts";
import { defineRoute, type RequestFacts, type Route } from "../../../http/define-route.ts";
import { assertIfMatch } from "../../../http/etag.ts";
import { failedPrecondition } from "../../../http/problems.ts";
import { lastAdministrator, unknownUser } from "./problems.ts";
import type { UserDetails, UserRow } from "./read-model.ts";
import {
  listedUserReply,
  patchUserInput,
  suspensionInput,
  type UserDetailsReply,
  userDetailsReply,
  userListQuery,
  userParams,
} from "./schema.ts";
import type { OperatorService } from "./service.ts";

const tag = "Platform";
const reads = { kind: "operator", scope: "platform:read" } as const;
const writes = { kind: "operator", scope: "platform:write" } as const;

export function operatorRoutes(operators: OperatorService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/users",
      operationId: "listUsers",
      tag,
      summary: "Everybody on the platform, newest first",
      access: reads,
      query: z.object({ ...pageQuery, ...userListQuery }),
      reply: { status: 200, body: pageSchema(listedUserReply) },
      async handle({ query }) {
        return { body: pageOf(await operators.list(query, query), query, rowToReply) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/users/{id}",
      operationId: "getUser",
      tag,
      summary: "One user and where they belong",
      access: reads,
      params: userParams,
      reply: { status: 200, body: userDetailsReply },
      problems: [unknownUser],
      handle: async ({ params }) => ({ body: detailsToReply(await operators.get(params.id)) }),
    }),
    defineRoute({
      method: "PATCH",
      path: "/users/{id}",
      operationId: "updateUser",
      tag,
      summary: "Give a user another platform role",
      access: writes,
      sessionOnly: true,
      ifMatch: true,
      params: userParams,
      body: patchUserInput,
      reply: { status: 200, body: userDetailsReply },
      problems: [unknownUser, lastAdministrator, failedPrecondition],
      async handle({ params, body, caller, facts }) {
        return { body: detailsToReply(await operators.update(caller, params.id, body, asRead(facts))) };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/users/{id}/suspend",
      operationId: "suspendUser",
      tag,
      summary: "End a user's sessions and let neither them nor their API tokens act",
      access: writes,
      sessionOnly: true,
      params: userParams,
      body: suspensionInput,
      reply: { status: 200, body: userDetailsReply },
      problems: [unknownUser, lastAdministrator],
      async handle({ params, body, caller }) {
        return { body: detailsToReply(await operators.suspend(caller, params.id, body)) };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/users/{id}/unsuspend",
      operationId: "unsuspendUser",
      tag,
      summary: "Let a suspended user act again",
      access: writes,
      sessionOnly: true,
      params: userParams,
      reply: { status: 200, body: userDetailsReply },
      problems: [unknownUser],
      async handle({ params, caller }) {
        return { body: detailsToReply(await operators.unsuspend(caller, params.id)) };
      },
    }),
  ];
}

/** With If-Match, the user must still be as they were read. */
function asRead(facts: RequestFacts): (current: UserDetails) => void {
  return (current) => assertIfMatch(facts, detailsToReply(current));
}

function rowToReply(row: UserRow): z.input<typeof listedUserReply> {
  const { id, username, email, name, bio, avatar_url, platform_role, suspension_reason } = row;
  return {
    ...{ id, username, email, email_verified: row.email_verified_at !== null, name, bio, avatar_url, platform_role },
    created_at: row.created_at.toISOString(),
    suspended_at: row.suspended_at?.toISOString() ?? null,
    suspension_reason,
  };
}

function detailsToReply({ user, accounts }: UserDetails): UserDetailsReply {
  const places = accounts.map(({ account_id, name, role }) => ({ id: account_id, name, role }));
  return { ...rowToReply(user), accounts: places };
}
