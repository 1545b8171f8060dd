// Invitations over HTTP: for the members who send them, and for whoever was sent one.
import { z } from "zod";
import { pageOf, pageQuery, pageSchema } from "../../database/paging.ts";
import { defineRoute, type Route } from "../../http/define-route.ts";
import {
  invitationInput,
  invitationParams,
  invitationReply,
  invitationStatusSchema,
  invitationTokenInput,
} from "./invitation-schema.ts";
import { type InvitationService, statusOf } from "./invitation-service.ts";
import type { InvitationRecord } from "./invitation-store.ts";
import { alreadyInvited, alreadyMember, tooManyInvitations, unknownInvitation } from "./problems.ts";
import { accountOfUserReply } from "./schema.ts";
import { accountToReply } from "./service.ts";

const tag = "Accounts and access";

export function invitationRoutes(invitations: InvitationService, clock: () => Date): Route[] {
  return [...sendersRoutes(invitations, clock), ...holdersRoutes(invitations)];
}

function sendersRoutes(invitations: InvitationService, clock: () => Date): Route[] {
  const toReply = (invitation: InvitationRecord) => invitationToReply(invitation, clock());
  return [
    defineRoute({
      method: "POST",
      path: "/account/invitations",
      operationId: "createInvitation",
      tag,
      summary: "Mail somebody a link that makes them a member, good for 7 days",
      access: { kind: "account", role: "admin", scope: "account:write" },
      sessionOnly: true,
      body: invitationInput,
      reply: { status: 201, body: invitationReply },
      problems: [alreadyMember, alreadyInvited, tooManyInvitations],
      async handle({ body, caller }) {
        return { body: toReply(await invitations.create(caller, body)) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/account/invitations",
      operationId: "listInvitations",
      tag,
      summary: "The account's invitations, newest first",
      access: { kind: "account", role: "admin", scope: "account:read" },
      query: z.object({ ...pageQuery, status: invitationStatusSchema.optional() }),
      reply: { status: 200, body: pageSchema(invitationReply) },
      async handle({ query, caller }) {
        const listed = await invitations.list(caller, query.status, query);
        return { body: pageOf(listed, query, ({ record }) => toReply(record)) };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/account/invitations/{id}/resend",
      operationId: "resendInvitation",
      tag,
      summary: "Mail it again, with a new link and for another 7 days; the former link ends",
      access: { kind: "account", role: "admin", scope: "account:write" },
      sessionOnly: true,
      params: invitationParams,
      reply: { status: 200, body: invitationReply },
      problems: [unknownInvitation, tooManyInvitations],
      async handle({ params, caller }) {
        return { body: toReply(await invitations.resend(caller, params.id)) };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/account/invitations/{id}",
      operationId: "revokeInvitation",
      tag,
      summary: "Take an invitation back",
      access: { kind: "account", role: "admin", scope: "account:write" },
      params: invitationParams,
      reply: { status: 204, empty: true },
      problems: [unknownInvitation],
      async handle({ params, caller }) {
        await invitations.revoke(caller, params.id);
        return {};
      },
    }),
  ];
}

function holdersRoutes(invitations: InvitationService): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/invitations/accept",
      operationId: "acceptInvitation",
      tag,
      summary: "Become a member by the token of a mailed invitation",
      access: { kind: "user" },
      body: invitationTokenInput,
      reply: { status: 200, body: accountOfUserReply },
      problems: [unknownInvitation, alreadyMember],
      async handle({ body, caller }) {
        const { account, role } = await invitations.accept(caller, body.token);
        return { body: { ...accountToReply(account), role } };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/invitations/decline",
      operationId: "declineInvitation",
      tag,
      summary: "Say no to a mailed invitation, with an account here or without",
      access: { kind: "public" },
      body: invitationTokenInput,
      reply: { status: 204, empty: true },
      problems: [unknownInvitation],
      async handle({ body, facts }) {
        const { requestId, clientAddress } = facts;
        await invitations.decline({ userId: null, apiTokenId: null, requestId, clientAddress }, body.token);
        return {};
      },
    }),
  ];
}

function invitationToReply(invitation: InvitationRecord, now: Date): z.input<typeof invitationReply> {
  return {
    id: invitation.id,
    email: invitation.email,
    role: invitation.role,
    status: statusOf(invitation, now),
    invited_by: invitation.invitedBy,
    created_at: invitation.createdAt.toISOString(),
    mailed_at: invitation.mailedAt.toISOString(),
    expires_at: invitation.expiresAt.toISOString(),
    ended_at: invitation.endedAt?.toISOString() ?? null,
  };
}
