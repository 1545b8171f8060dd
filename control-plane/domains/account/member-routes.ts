// The members of an account over HTTP.
import { z } from "zod";
import { pageOf, pageQuery, pageSchema } from "../../database/paging.ts";
import { defineRoute, type Route } from "../../http/define-route.ts";
import type { MemberService } from "./member-service.ts";
import { lastOwner, unknownMember } from "./problems.ts";
import type { MemberRow } from "./read-model.ts";
import { memberParams, memberReply, patchMemberInput } from "./schema.ts";

const tag = "Accounts and access";

export function memberRoutes(members: MemberService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/account/members",
      operationId: "listMembers",
      tag,
      summary: "Who belongs to the account, the latest first",
      access: { kind: "account", role: "viewer", scope: "account:read" },
      query: z.object(pageQuery),
      reply: { status: 200, body: pageSchema(memberReply) },
      async handle({ query, caller }) {
        return { body: pageOf(await members.list(caller, query), query, memberToReply) };
      },
    }),
    defineRoute({
      method: "PATCH",
      path: "/account/members/{user_id}",
      operationId: "updateMember",
      tag,
      summary: "Give a member another role; only owners make and unmake owners",
      access: { kind: "account", role: "admin", scope: "account:write" },
      sessionOnly: true,
      params: memberParams,
      body: patchMemberInput,
      reply: { status: 200, body: memberReply },
      problems: [unknownMember, lastOwner],
      async handle({ params, body, caller }) {
        return { body: memberToReply(await members.changeRole(caller, params.user_id, body.role)) };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/account/members/{user_id}",
      operationId: "removeMember",
      tag,
      summary: "Remove a member, or leave by yourself",
      // Anybody may leave; removing somebody else takes more, which the service sees to.
      access: { kind: "account", role: "viewer", scope: "account:write" },
      // A leaked token must not throw out those who could end it.
      sessionOnly: true,
      params: memberParams,
      reply: { status: 204, empty: true },
      problems: [unknownMember, lastOwner],
      async handle({ params, caller }) {
        await members.remove(caller, params.user_id);
        return {};
      },
    }),
  ];
}

function memberToReply(member: MemberRow): z.input<typeof memberReply> {
  const { user_id, username, email, role, created_at } = member;
  return { user_id, username, email, role, created_at: created_at.toISOString() };
}
