// Lets a request through to its handler, or not: the caller that the route's access asks for.
import { type Access, type Caller, type EdgeCaller, hasRole } from "./caller.ts";
import { forbidden } from "./problems.ts";
import type { Credentials } from "./request-facts.ts";

export interface Authentication {
  /** Throws the 401 problem when the credentials are absent or not good. */
  account(credentials: Credentials): Promise<Caller>;
  edge(credentials: Credentials): Promise<EdgeCaller>;
}

export async function callerOf(
  access: Access,
  credentials: Credentials,
  authenticate: Authentication,
): Promise<Caller | EdgeCaller | undefined> {
  switch (access.kind) {
    case "public":
      return undefined;
    case "edge":
      return authenticate.edge(credentials);
    case "operator": {
      const caller = await authenticate.account(credentials);
      if (caller.platformRole !== "admin") throw forbidden("This is for operators of the platform.");
      return caller;
    }
    case "account": {
      const caller = await authenticate.account(credentials);
      if (!hasRole(caller.accountRole, access.role)) {
        throw forbidden(`This takes the role ${access.role} in the account; yours is ${caller.accountRole}.`);
      }
      return caller;
    }
  }
}

/** What a log line says about a caller. */
export function callerIds(caller: Caller | EdgeCaller | undefined): Record<string, string> {
  if (caller === undefined) return {};
  return "edgeId" in caller
    ? { edge_id: caller.edgeId, scope: caller.scope }
    : { user_id: caller.userId, account_id: caller.accountId };
}
