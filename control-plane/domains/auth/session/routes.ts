// A person's own sessions over HTTP: to log out, to look at them, to end one that is not theirs.
import { z } from "zod";
import { pageOf, pageQuery } from "../../../database/paging.ts";
import type { UserCaller } from "../../../http/caller.ts";
import { defineRoute, type Route } from "../../../http/define-route.ts";
import { givenId } from "../../../http/given-id.ts";
import { unknownSession } from "../problems.ts";
import { type SessionReply, sessionPage } from "./schema.ts";
import type { Sessions } from "./sessions.ts";
import type { SessionRecord } from "./store.ts";

const tag = "Accounts and access";

export function sessionRoutes(sessions: Sessions): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/auth/logout",
      operationId: "logOut",
      tag,
      summary: "End the session of this token, which is good for nothing from then on",
      access: { kind: "user" },
      reply: { status: 204, empty: true },
      problems: [unknownSession],
      async handle({ caller }) {
        await sessions.end(caller, caller.sessionId);
        return {};
      },
    }),
    defineRoute({
      method: "GET",
      path: "/auth/sessions",
      operationId: "listSessions",
      tag,
      summary: "Where you are logged in, newest first",
      access: { kind: "user" },
      query: z.object(pageQuery),
      reply: { status: 200, body: sessionPage },
      async handle({ query, caller }) {
        const found = await sessions.list(caller, query);
        return { body: pageOf(found, query, (session) => sessionToReply(session, caller)) };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/auth/sessions/{id}",
      operationId: "endSession",
      tag,
      summary: "Log out somewhere else",
      access: { kind: "user" },
      params: z.object({ id: givenId }),
      reply: { status: 204, empty: true },
      problems: [unknownSession],
      async handle({ params, caller }) {
        await sessions.end(caller, params.id);
        return {};
      },
    }),
  ];
}

function sessionToReply(session: SessionRecord, caller: UserCaller): SessionReply {
  return {
    id: session.id,
    is_current: session.id === caller.sessionId,
    method: session.method,
    client_address: session.clientAddress,
    user_agent: session.userAgent,
    created_at: session.createdAt.toISOString(),
    expires_at: session.expiresAt.toISOString(),
  };
}
