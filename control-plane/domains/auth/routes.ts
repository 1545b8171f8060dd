// Registering, logging in and being recognised over HTTP.

import { defineRoute, type Route } from "../../http/define-route.ts";
import { unauthorized } from "../../http/problems.ts";
import { accountToReply } from "../account/index.ts";
import { identityTaken, loginRefused } from "./problems.ts";
import { loginInput, loginReply, registerInput, registerReply, type UserReply, verifyReply } from "./schema.ts";
import type { AuthService } from "./service.ts";
import type { UserRecord } from "./store.ts";

const tag = "Accounts and access";

export function authRoutes(auth: AuthService): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/auth/register",
      operationId: "register",
      tag,
      summary: "Become a user with an account of your own",
      access: { kind: "public" },
      attempts: true,
      body: registerInput,
      reply: { status: 201, body: registerReply },
      problems: [identityTaken],
      async handle({ body }) {
        const { user, account, token, expiresAt } = await auth.register(body);
        const session = { token, expires_at: expiresAt.toISOString() };
        return { body: { user: userToReply(user), account: accountToReply(account), ...session } };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/auth/login",
      operationId: "logIn",
      tag,
      summary: "Get a token for 24 hours",
      access: { kind: "public" },
      attempts: true,
      body: loginInput,
      reply: { status: 200, body: loginReply },
      problems: [loginRefused],
      async handle({ body }) {
        const { token, expiresAt } = await auth.logIn(body.login, body.password);
        return { body: { token, expires_at: expiresAt.toISOString() } };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/auth/verify",
      operationId: "verifyToken",
      tag,
      summary: "Is this token good, and whose is it",
      access: { kind: "account", role: "viewer", scope: "account:read" },
      reply: { status: 200, body: verifyReply },
      async handle({ caller }) {
        const user = await auth.find(caller.userId);
        if (user === undefined) throw unauthorized("The token's user is gone.");
        return { body: { user: userToReply(user), account_id: caller.accountId, account_role: caller.accountRole } };
      },
    }),
  ];
}

function userToReply(user: UserRecord): UserReply {
  return {
    id: user.id,
    username: user.username,
    email: user.email,
    platform_role: user.platformRole,
    created_at: user.createdAt.toISOString(),
  };
}
