// OpenID Connect: two pages for the browser, and the exchange of the code for a token over the API.
import { z } from "zod";
import { defineRoute, type Route } from "../../../http/define-route.ts";
import { notAllowed } from "../../../http/problems.ts";
import { HTML, pageOrProblem, replyOrProblem } from "../pages/page.ts";
import { linkExpired, totpLocked, totpRefused, totpRequired } from "../problems.ts";
import { tokenReply } from "../schema.ts";
import type { AuthService } from "../service.ts";
import { tokenToReply } from "../user/reply.ts";
import { visitOf } from "../visit.ts";
import { callbackPath, cookieAway, loginPath, secretIn } from "./flow.ts";
import { openidLoginInput } from "./schema.ts";

const page = { tag: "Pages", access: { kind: "public" }, reply: { status: 200, raw: HTML } } as const;
/** Whatever the issuer sends along. */
const answer = z.object({}).catchall(z.string().max(4096));

export function openidPages({ openid }: AuthService): Route[] {
  return [
    defineRoute({
      ...page,
      method: "GET",
      path: loginPath,
      operationId: "showOpenIdLogin",
      summary: "Sends the browser to the issuer",
      handle: () =>
        replyOrProblem(async () => {
          const { url, cookie } = await openid.begin();
          return { status: 303, headers: { location: url.href, "set-cookie": cookie }, body: "" };
        }),
    }),
    defineRoute({
      ...page,
      method: "GET",
      path: callbackPath,
      operationId: "showOpenIdCode",
      summary: "Where the issuer sends the browser back to",
      attempts: true,
      query: answer,
      async handle({ query, facts }) {
        const reply = await pageOrProblem(async () => ({
          title: "You are known",
          paragraphs: ["Copy this code to where you want to log in. It is good for two minutes, and once."],
          code: await openid.finish(new URLSearchParams(query), secretIn(facts.header("cookie")), visitOf(facts)),
        }));
        // Used or not, the secret has done its work.
        return { ...reply, headers: { ...reply.headers, "set-cookie": cookieAway } };
      },
    }),
  ];
}

export function openidRoutes({ openid }: AuthService): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/auth/openid/login",
      operationId: "logInWithOpenId",
      tag: "Accounts and access",
      summary: "Get a token for the code that /openid/login leads to in a browser",
      access: { kind: "public" },
      attempts: true,
      body: openidLoginInput,
      reply: { status: 200, body: tokenReply },
      problems: [linkExpired, totpRequired, totpRefused, totpLocked, notAllowed],
      handle: async ({ body, facts }) => ({ body: tokenToReply(await openid.logIn(body, visitOf(facts))) }),
    }),
  ];
}
