// The themes of this domain, put together: who somebody is, and by which session. A token says who; the membership in the
// database says what they may do.
import { z } from "zod";
import type { Seal } from "../../../platform/seal.ts";
import type { Cache } from "../../cache/cache.ts";
import { instant } from "../../cache/instant.ts";
import type { Database } from "../../database/transaction.ts";
import { platformRoles } from "../../http/caller.ts";
import { unauthorized } from "../../http/problems.ts";
import type { KnownMembership, Memberships } from "../account/index.ts";
import type { Post } from "../mail/index.ts";
import { createEmailVerification } from "./email/verification.ts";
import type { Verifier } from "./ethereum/rules.ts";
import { createEthereumService } from "./ethereum/service.ts";
import { createIdentities } from "./identity/identities.ts";
import { createLogIns } from "./log-in/service.ts";
import type { OpenIdIssuer } from "./openid/issuer.ts";
import { createOpenIdService } from "./openid/service.ts";
import { openOperatorSession } from "./operator-session.ts";
import { createPasswords, type Passwords } from "./password/passwords.ts";
import { createOwnerProof } from "./password/proof.ts";
import { createPasswordService } from "./password/service.ts";
import { createProfileService } from "./profile/service.ts";
import { createSessions } from "./session/sessions.ts";
import type { Tokens } from "./token.ts";
import { createSecondFactor } from "./totp/second-factor.ts";
import { createTotpService } from "./totp/service.ts";
import { createAdministrators } from "./user/administrator.ts";
import { findUser, PEOPLE } from "./user/store.ts";
import { assertActive } from "./user/suspension.ts";

export type AuthService = ReturnType<typeof createAuthService>;

export interface AuthSettings {
  readonly db: Database;
  readonly clock: () => Date;
  readonly tokens: Tokens;
  readonly post: Post;
  /** Whom wallets sign in to. */
  readonly verifier: Verifier;
  /** None: nobody logs in on another issuer's word. */
  readonly issuer?: OpenIdIssuer | undefined;
  readonly seal: Seal;
  readonly cache: Pick<Cache, "space">;
  readonly memberships: Memberships;
  readonly passwords?: Passwords;
}

/** What each request asks of the person behind it. */
const knownPerson = z.object({
  id: z.uuid(),
  platformRole: z.enum(platformRoles),
  suspendedAt: instant.nullable(),
  suspensionReason: z.string().nullable(),
});
type KnownPerson = z.output<typeof knownPerson>;

export function createAuthService(settings: AuthSettings) {
  const {
    db,
    clock,
    tokens,
    post,
    seal,
    verifier,
    issuer,
    cache,
    memberships,
    passwords = createPasswords(),
  } = settings;
  const people = cache.space(PEOPLE, { load: (id) => findUser(db, id), schema: knownPerson });
  const sessions = createSessions({ db, clock, tokens, cache });
  const proof = createOwnerProof({ db, clock, passwords });
  const secondFactor = createSecondFactor({ clock, seal });
  const identities = createIdentities({ db, clock });

  /** Whom a token names. */
  async function recogniseUser(token: string): Promise<{ user: KnownPerson; sessionId: string }> {
    const { userId, sessionId } = await tokens.verify(token);
    const [session, user] = await Promise.all([sessions.findLive(sessionId), people.read(userId)]);
    if (session === undefined) throw unauthorized("The session of this token has ended: log in again.");
    if (user === undefined) throw unauthorized("The token's user is gone.");
    assertActive(user);
    return { user, sessionId };
  }

  /** Whom a token names, and the membership that they act by: undefined when they have none (of this account). */
  async function recognise(
    token: string,
    accountId: string | undefined,
  ): Promise<{ user: KnownPerson; membership: KnownMembership } | undefined> {
    const { user } = await recogniseUser(token);
    const membership = await memberships.find({ userId: user.id, accountId });
    return membership === undefined ? undefined : { user, membership };
  }

  /** Whom an API token acts for. Undefined: gone. Throws while they are suspended. */
  async function findActive(userId: string): Promise<KnownPerson | undefined> {
    const user = await people.read(userId);
    if (user !== undefined) assertActive(user);
    return user;
  }

  return {
    ...createLogIns({ db, clock, passwords, sessions, secondFactor }),
    ...createAdministrators({ db, clock, passwords }),
    sessions,
    openOperatorSession: () => openOperatorSession({ db, sessions }),
    identities,
    ethereum: createEthereumService({ db, clock, verifier, identities, sessions, secondFactor, proof }),
    openid: createOpenIdService({
      ...{ db, clock, issuer, publicUrl: verifier.publicUrl },
      ...{ identities, sessions, secondFactor },
    }),
    email: createEmailVerification({ db, clock }),
    password: createPasswordService({ db, clock, passwords, proof, sessions, post }),
    profile: createProfileService({ db, clock, proof, post }),
    totp: createTotpService({ db, clock, seal, proof, post, secondFactor }),
    recognise,
    recogniseUser,
    findActive,
    find: (id: string) => findUser(db, id),
  };
}
