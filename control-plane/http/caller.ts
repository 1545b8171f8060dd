// Who is asking. Each kind of access yields its own caller, so that a handler cannot take one for another.

export const accountRoles = ["viewer", "editor", "admin", "owner"] as const;
export type AccountRole = (typeof accountRoles)[number];

export const platformRoles = ["user", "premium", "moderator", "admin"] as const;
export type PlatformRole = (typeof platformRoles)[number];

/** What an API token may be made for. A session may do all that its user's role allows. */
export const scopes = [
  "account:read",
  "account:write",
  "alerts:read",
  "alerts:write",
  "audit:read",
  "certificates:read",
  "certificates:write",
  "distributions:read",
  "distributions:write",
  "purges:read",
  "purges:write",
  "reports:read",
  "webhooks:read",
  "webhooks:write",
  "platform:read",
  "platform:write",
] as const;
export type Scope = (typeof scopes)[number];

/** Whose deed it is and through which request: what the audit log keeps. Nulls: the platform itself. */
export interface Actor {
  readonly userId: string | null;
  /** When a program acted with a token of the user's. */
  readonly apiTokenId: string | null;
  readonly requestId: string | null;
  readonly clientAddress: string | null;
}

/** What is done without a request: by a command, a job, a test. */
export const noRequest = { apiTokenId: null, requestId: null, clientAddress: null } as const;

/** The platform acts by itself. */
export const platformActor: Actor = { userId: null, ...noRequest };

/** A person with a session, whatever account they act for. */
export interface UserCaller extends Actor {
  readonly userId: string;
  readonly sessionId: string;
  readonly platformRole: PlatformRole;
}

/** A person, or a program with a token of theirs, who acts for one account. */
export interface Caller extends Actor {
  readonly userId: string;
  readonly accountId: string;
  readonly accountRole: AccountRole;
  readonly platformRole: PlatformRole;
  readonly scopes: readonly Scope[] | "all";
}

/** An edge agent, known by its client certificate. */
export interface EdgeCaller {
  readonly edgeId: string;
  /** The edge group, whose feed it may read. */
  readonly scope: string;
}

/**
 * What a route demands. `public`: nothing. `user`: a session. `account`: at least this role in the account, and of an
 * API token this scope. `operator`: the platform role admin. `edge`: an agent's certificate.
 */
export type Access =
  | { readonly kind: "public" }
  | { readonly kind: "user" }
  | { readonly kind: "account"; readonly role: AccountRole; readonly scope: Scope }
  | { readonly kind: "operator"; readonly scope: Scope }
  | { readonly kind: "edge" };

export type CallerOf<A extends Access> = A extends { kind: "public" }
  ? undefined
  : A extends { kind: "edge" }
    ? EdgeCaller
    : A extends { kind: "user" }
      ? UserCaller
      : Caller;

export function hasRole(held: AccountRole, needed: AccountRole): boolean {
  return accountRoles.indexOf(held) >= accountRoles.indexOf(needed);
}

export function hasScope(held: readonly Scope[] | "all", needed: Scope): boolean {
  return held === "all" || held.includes(needed);
}
