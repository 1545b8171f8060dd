// Who is asking. Each kind of access yields its own caller, so that a handler cannot take one for another.

export const accountRoles = ["viewer", "editor", "admin", "owner"] as const;
export type AccountRole = (typeof accountRoles)[number];

export const platformRoles = ["user", "premium", "moderator", "admin"] as const;
export type PlatformRole = (typeof platformRoles)[number];

/** A person who acts for one account. */
export interface Caller {
  readonly userId: string;
  readonly accountId: string;
  readonly accountRole: AccountRole;
  readonly platformRole: PlatformRole;
}

/** An edge agent, known by its client certificate. */
export interface EdgeCaller {
  readonly edgeId: string;
  /** The edge group, whose feed it may read. */
  readonly scope: string;
}

/**
 * What a route demands. `public`: nothing. `account`: at least this role in the account. `operator`: the platform role
 * admin. `edge`: an agent's certificate.
 */
export type Access =
  | { readonly kind: "public" }
  | { readonly kind: "account"; readonly role: AccountRole }
  | { readonly kind: "operator" }
  | { readonly kind: "edge" };

export type CallerOf<A extends Access> = A extends { kind: "public" }
  ? undefined
  : A extends { kind: "edge" }
    ? EdgeCaller
    : Caller;

export function hasRole(held: AccountRole, needed: AccountRole): boolean {
  return accountRoles.indexOf(held) >= accountRoles.indexOf(needed);
}
