// Changing and resetting a password over HTTP.
import { defineRoute, type Route } from "../../../http/define-route.ts";
import { linkExpired, passwordsBusy, passwordWrong, recentLoginRequired } from "../problems.ts";
import { tokenReply } from "../schema.ts";
import type { AuthService } from "../service.ts";
import { tokenToReply } from "../user/reply.ts";
import { visitOf } from "../visit.ts";
import { changePasswordInput, forgotPasswordInput, resetPasswordInput } from "./schema.ts";

const tag = "Accounts and access";

export function passwordRoutes({ password }: AuthService): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/auth/change-password",
      operationId: "changePassword",
      tag,
      summary: "Choose another password; every session ends, and the answer has the token of a new one",
      access: { kind: "user" },
      attempts: true,
      // The answer holds a token, which is kept nowhere.
      idempotencyKey: false,
      body: changePasswordInput,
      reply: { status: 200, body: tokenReply },
      problems: [passwordWrong, recentLoginRequired, passwordsBusy],
      async handle({ body, caller, facts }) {
        return { body: tokenToReply(await password.change(caller, body, visitOf(facts))) };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/auth/forgot-password",
      operationId: "forgetPassword",
      tag,
      summary: "Have a link mailed for a new password; the answer is the same whoever the address belongs to",
      access: { kind: "public" },
      attempts: true,
      body: forgotPasswordInput,
      reply: { status: 202, empty: true },
      async handle({ body }) {
        await password.forget(body.email);
        return {};
      },
    }),
    defineRoute({
      method: "POST",
      path: "/auth/reset-password",
      operationId: "resetPassword",
      tag,
      summary: "Choose a new password with the token that was mailed; every session ends",
      access: { kind: "public" },
      attempts: true,
      body: resetPasswordInput,
      reply: { status: 204, empty: true },
      problems: [linkExpired, passwordsBusy],
      async handle({ body, facts }) {
        await password.reset(body, visitOf(facts));
        return {};
      },
    }),
  ];
}
