// Registering, logging in and being recognised over HTTP.
import { defineRoute, type Route } from "../../../http/define-route.ts";
import { notAllowed, unauthorized } from "../../../http/problems.ts";
import { accountToReply } from "../../account/index.ts";
import { identityTaken, loginRefused, passwordsBusy, totpLocked, totpRefused, totpRequired } from "../problems.ts";
import { tokenReply } from "../schema.ts";
import type { AuthService } from "../service.ts";
import { tokenToReply, userToReply } from "../user/reply.ts";
import { visitOf } from "../visit.ts";
import { loginInput, registerInput, registerReply, verifyReply } from "./schema.ts";

const tag = "Accounts and access";

export function logInRoutes(auth: AuthService): Route[] {
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
      problems: [identityTaken, passwordsBusy],
      async handle({ body, facts }) {
        const { user, account, ...issued } = await auth.register(body, visitOf(facts));
        return { body: { user: userToReply(user), account: accountToReply(account), ...tokenToReply(issued) } };
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
      reply: { status: 200, body: tokenReply },
      problems: [loginRefused, passwordsBusy, totpRequired, totpRefused, totpLocked, notAllowed],
      handle: async ({ body, facts }) => ({ body: tokenToReply(await auth.logIn(body, visitOf(facts))) }),
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
