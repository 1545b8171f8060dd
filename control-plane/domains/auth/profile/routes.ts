// A person's own profile over HTTP.
import { defineRoute, type Route } from "../../../http/define-route.ts";
import { assertIfMatch } from "../../../http/etag.ts";
import { failedPrecondition } from "../../../http/problems.ts";
import { identityTaken, passwordsBusy, passwordWrong, recentLoginRequired } from "../problems.ts";
import { userReply } from "../schema.ts";
import type { AuthService } from "../service.ts";
import { userToReply } from "../user/reply.ts";
import { profileInput } from "./schema.ts";

const tag = "Accounts and access";

export function profileRoutes({ profile }: AuthService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/auth/profile",
      operationId: "getProfile",
      tag,
      summary: "Who you are to others",
      access: { kind: "user" },
      reply: { status: 200, body: userReply },
      handle: async ({ caller }) => ({ body: userToReply(await profile.get(caller)) }),
    }),
    defineRoute({
      method: "PUT",
      path: "/auth/profile",
      operationId: "updateProfile",
      tag,
      summary: "Change what you name; another e-mail address takes your password and is to be confirmed",
      access: { kind: "user" },
      attempts: true,
      ifMatch: true,
      body: profileInput,
      reply: { status: 200, body: userReply },
      problems: [identityTaken, passwordWrong, recentLoginRequired, passwordsBusy, failedPrecondition],
      async handle({ body, caller, facts }) {
        const updated = await profile.update(caller, body, (current) => assertIfMatch(facts, userToReply(current)));
        return { body: userToReply(updated) };
      },
    }),
  ];
}
