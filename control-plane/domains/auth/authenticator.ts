// Turns the bearer token of a request into a caller.

import type { Caller, UserCaller } from "../../http/caller.ts";
import { givenId } from "../../http/given-id.ts";
import { forbidden, invalidRequest, unauthorized } from "../../http/problems.ts";
import type { AuthService } from "./service.ts";

interface Credentials {
  readonly requestId: string;
  readonly clientAddress: string;
  header(name: string): string | undefined;
}

const NO_ACCOUNT = "You belong to no account.";
const NOT_A_MEMBER = "You do not belong to the account that X-Account-Id names.";

export function createAuthenticators(auth: AuthService): {
  account(credentials: Credentials): Promise<Caller>;
  user(credentials: Credentials): Promise<UserCaller>;
} {
  return {
    async account(credentials) {
      const accountId = namedAccount(credentials);
      const known = await auth.recognise(bearerOf(credentials), accountId);
      // The token is good: logging in again would not help, so this is no 401.
      if (known === undefined) throw forbidden(accountId === undefined ? NO_ACCOUNT : NOT_A_MEMBER);
      return {
        userId: known.user.id,
        accountId: known.membership.accountId,
        accountRole: known.membership.role,
        platformRole: known.user.platformRole,
        scopes: "all",
        ...requestOf(credentials),
      };
    },
    async user(credentials) {
      const { user, sessionId } = await auth.recogniseUser(bearerOf(credentials));
      return { userId: user.id, sessionId, platformRole: user.platformRole, ...requestOf(credentials) };
    },
  };
}

function bearerOf(credentials: Credentials): string {
  const token = /^Bearer (\S+)$/i.exec(credentials.header("authorization") ?? "")?.[1];
  if (token === undefined) throw unauthorized("Send the token of a log-in as `Authorization: Bearer …`.");
  return token;
}

function requestOf({ requestId, clientAddress }: Credentials) {
  return { apiTokenId: null, requestId, clientAddress };
}

/** A member of several accounts says for which one they act. */
function namedAccount(credentials: Credentials): string | undefined {
  const name = credentials.header("x-account-id");
  if (name === undefined) return undefined;
  const parsed = givenId.safeParse(name);
  if (parsed.success) return parsed.data;
  throw invalidRequest([{ pointer: "X-Account-Id", detail: "must be the id of an account." }]);
}
