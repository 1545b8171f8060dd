// Turns the bearer token of a request into a caller.
import { z } from "zod";
import type { Caller } from "../../http/caller.ts";
import { invalidRequest, unauthorized } from "../../http/problems.ts";
import type { AuthService } from "./service.ts";

interface Credentials {
  header(name: string): string | undefined;
}

const accountIdSchema = z.uuid();

export function createAccountAuthenticator(auth: AuthService): (credentials: Credentials) => Promise<Caller> {
  return async (credentials) => {
    const token = /^Bearer (\S+)$/i.exec(credentials.header("authorization") ?? "")?.[1];
    if (token === undefined) throw unauthorized("Send the token of a log-in as `Authorization: Bearer …`.");
    const known = await auth.recognise(token, namedAccount(credentials));
    if (known === undefined) throw unauthorized("The token's user does not belong to this account.");
    return {
      userId: known.user.id,
      accountId: known.membership.accountId,
      accountRole: known.membership.role,
      platformRole: known.user.platformRole,
    };
  };
}

/** A member of several accounts says for which one they act. */
function namedAccount(credentials: Credentials): string | undefined {
  const name = credentials.header("x-account-id");
  if (name === undefined) return undefined;
  const parsed = accountIdSchema.safeParse(name);
  if (parsed.success) return parsed.data;
  throw invalidRequest([{ pointer: "X-Account-Id", detail: "must be the id of an account." }]);
}
