// Confirming an address over HTTP.
import { defineRoute, type Route } from "../../../http/define-route.ts";
import { linkExpired, nothingToVerify } from "../problems.ts";
import type { AuthService } from "../service.ts";
import { visitOf } from "../visit.ts";
import { verifyEmailInput } from "./schema.ts";

const tag = "Accounts and access";

export function emailRoutes({ email }: AuthService): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/auth/verify-email",
      operationId: "verifyEmail",
      tag,
      summary: "Confirm an address with the token that was mailed to it",
      access: { kind: "public" },
      attempts: true,
      body: verifyEmailInput,
      reply: { status: 204, empty: true },
      problems: [linkExpired],
      async handle({ body, facts }) {
        await email.verify(body.token, visitOf(facts));
        return {};
      },
    }),
    defineRoute({
      method: "POST",
      path: "/auth/verify-email/send",
      operationId: "sendEmailVerification",
      tag,
      summary: "Mail the token again; more than one a minute is not sent",
      access: { kind: "user" },
      attempts: true,
      reply: { status: 202, empty: true },
      problems: [nothingToVerify],
      async handle({ caller }) {
        await email.sendAgain(caller);
        return {};
      },
    }),
  ];
}
