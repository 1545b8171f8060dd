// The pages of this domain. Where the links of our mails lead, a GET only shows a form, since scanners of mail follow links too; the button does it.
import { z } from "zod";
import { defineRoute, type RequestFacts, type Route } from "../../../http/define-route.ts";
import { pagePaths } from "../letters.ts";
import { oneTimeToken, usedUp } from "../one-time-token/tokens.ts";
import { openidPages } from "../openid/routes.ts";
import { newPassword } from "../schema.ts";
import type { AuthService } from "../service.ts";
import { visitOf } from "../visit.ts";
import { HTML, type Page, pageOrProblem } from "./page.ts";

const FORM_BYTES_MAX = 8 * 1024;
const linkQuery = z.object({ token: z.string().max(200).default("") });
const page = { tag: "Pages", access: { kind: "public" }, reply: { status: 200, raw: HTML } } as const;
const form = { raw: "application/x-www-form-urlencoded", bytesMax: FORM_BYTES_MAX } as const;

export function authPages(auth: AuthService): Route[] {
  return [...mailedPages(auth), ...openidPages(auth)];
}

function mailedPages({ email, password }: AuthService): Route[] {
  const { verifyEmail, resetPassword } = pagePaths;
  return [
    defineRoute({
      ...page,
      method: "GET",
      path: verifyEmail,
      operationId: "showEmailVerification",
      summary: "Asks whether the address is theirs",
      query: linkQuery,
      handle: ({ query }) =>
        pageOrProblem(async () => {
          const token = tokenOf(query.token);
          const address = await email.addressOf(token);
          return {
            title: "Confirm your e-mail address",
            paragraphs: [`Is ${address} yours?`],
            form: { action: verifyEmail, token, button: "Yes, confirm it", asksPassword: false },
          };
        }),
    }),
    defineRoute({
      ...page,
      method: "POST",
      path: verifyEmail,
      operationId: "submitEmailVerification",
      summary: "Confirms the address",
      attempts: true,
      body: form,
      handle: ({ facts }) =>
        pageOrProblem(async () => {
          await email.verify(tokenOf(fieldsOf(facts).get("token")), visitOf(facts));
          return { title: "Your address is confirmed", paragraphs: ["Thank you. You can close this page."] };
        }),
    }),
    defineRoute({
      ...page,
      method: "GET",
      path: resetPassword,
      operationId: "showPasswordReset",
      summary: "Asks for a new password",
      query: linkQuery,
      handle: ({ query }) =>
        pageOrProblem(async () => {
          const token = tokenOf(query.token);
          await password.assertGood(token);
          return askPassword(token);
        }),
    }),
    defineRoute({
      ...page,
      method: "POST",
      path: resetPassword,
      operationId: "submitPasswordReset",
      summary: "Sets the new password",
      attempts: true,
      body: form,
      handle: ({ facts }) =>
        pageOrProblem(async () => {
          const fields = fieldsOf(facts);
          const token = tokenOf(fields.get("token"));
          const chosen = newPassword.safeParse(fields.get("password") ?? "");
          if (!chosen.success) return askPassword(token, `It ${chosen.error.issues[0]?.message}`);
          await password.reset({ token, password: chosen.data }, visitOf(facts));
          return {
            title: "Your password is changed",
            paragraphs: ["All former sessions have ended: log in with the new password.", "You can close this page."],
          };
        }),
    }),
  ];
}

function askPassword(token: string, fault?: string): Page {
  return {
    title: "Choose a new password",
    paragraphs: [],
    form: {
      ...{ action: pagePaths.resetPassword, token, button: "Change the password", asksPassword: true },
      ...(fault === undefined ? {} : { fault }),
    },
  };
}

/** A link that was cut off on its way is as good as one that has expired. */
function tokenOf(text: string | null): string {
  const token = oneTimeToken.safeParse(text);
  if (token.success) return token.data;
  throw usedUp();
}

function fieldsOf({ rawBody }: RequestFacts): URLSearchParams {
  return new URLSearchParams(rawBody?.toString("utf8") ?? "");
}
