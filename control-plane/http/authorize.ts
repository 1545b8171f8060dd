// Lets a request through to its handler, or not: the caller that the route's access asks for.
import { type Access, type Caller, type EdgeCaller, hasRole, hasScope, type Scope, type UserCaller } from "./caller.ts";
import type { Route } from "./define-route.ts";
import { forbidden } from "./problems.ts";
import type { Credentials } from "./request-facts.ts";

export type AnyCaller = Caller | UserCaller | EdgeCaller;

export interface Authentication {
  /** Each throws the 401 problem when the credentials are absent or not good. */
  account(credentials: Credentials): Promise<Caller>;
  user(credentials: Credentials): Promise<UserCaller>;
  edge(credentials: Credentials): Promise<EdgeCaller>;
  /**
   * Which session or API token is shown, where that can be told without asking a database: by its signature, or because
   * it was good a moment ago. Whether it still is, the three above say.
   */
  tokenIdOf?(credentials: Credentials): Promise<string | undefined>;
}

/** Who asks, by the credentials that the access takes; undefined where anybody may. */
export async function identify(
  access: Access,
  credentials: Credentials,
  authenticate: Authentication,
): Promise<AnyCaller | undefined> {
  switch (access.kind) {
    case "public":
      return undefined;
    case "edge":
      return authenticate.edge(credentials);
    case "user":
      return authenticate.user(credentials);
    case "operator":
    case "account":
      return authenticate.account(credentials);
  }
}

/** Throws the 403 problem when the caller is known and not enough. */
export function assertAllowed(
  { access, sessionOnly }: Pick<Route, "access" | "sessionOnly">,
  caller: AnyCaller | undefined,
): void {
  if (caller === undefined || !("accountId" in caller)) return;
  if (access.kind === "operator" && caller.platformRole !== "admin") {
    throw forbidden("This is for operators of the platform.");
  }
  if (access.kind === "account" && !hasRole(caller.accountRole, access.role)) {
    throw forbidden(`This takes the role ${access.role} in the account; yours is ${caller.accountRole}.`);
  }
  if ("scope" in access) assertScope(caller, access.scope);
  if (sessionOnly && caller.apiTokenId !== null) {
    throw forbidden("This takes the session of a person: log in. An API token does not do, whatever its scopes.");
  }
}

function assertScope(caller: Caller, scope: Scope): void {
  if (!hasScope(caller.scopes, scope)) throw forbidden(`This takes a token with the scope ${scope}.`);
}

/** What a log line says about a caller. */
export function callerIds(caller: AnyCaller | undefined): Record<string, string> {
  if (caller === undefined) return {};
  if ("edgeId" in caller) return { edge_id: caller.edgeId, scope: caller.scope };
  return {
    user_id: caller.userId,
    ...("accountId" in caller ? { account_id: caller.accountId } : {}),
    ...(caller.apiTokenId === null ? {} : { api_token_id: caller.apiTokenId }),
  };
}
