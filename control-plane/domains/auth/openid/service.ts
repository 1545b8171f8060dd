// OpenID Connect: a person comes back from the issuer and gets a code, which they exchange for a token. Known by issuer and
// subject; by their address only where both sides have made sure of it, or whoever wrote it down first would get them.
import { randomBytes, randomUUID } from "node:crypto";
import { Problem } from "../../../../platform/problem.ts";
import { type Database, inTransaction, type Tx } from "../../../database/transaction.ts";
import type { Identities } from "../identity/identities.ts";
import { type IdentityKey, lockIdentity } from "../identity/store.ts";
import { getOneTimeToken, makeOneTimeToken, useOneTimeToken } from "../one-time-token/tokens.ts";
import { addressUnconfirmed, openidOff, openidRefused } from "../problems.ts";
import type { Sessions } from "../session/sessions.ts";
import type { IssuedToken } from "../token.ts";
import { type SecondFactor, secondStepProblem } from "../totp/second-factor.ts";
import { findUserByEmail, lockUser } from "../user/store.ts";
import { assertActive } from "../user/suspension.ts";
import { actorOf, type Visit } from "../visit.ts";
import { cookieWith, flowOf, newSecret } from "./flow.ts";
import type { Claims, OpenIdIssuer } from "./issuer.ts";
import { likelyNames, provenAddress, shownName } from "./rules.ts";
import type { OpenIdLoginInput } from "./schema.ts";

const purpose = "log-in";
const SUFFIX_BYTES = 3;

interface OpenIdSettings {
  readonly db: Database;
  readonly clock: () => Date;
  /** Undefined: none is configured. */
  readonly issuer: OpenIdIssuer | undefined;
  readonly publicUrl: URL;
  readonly identities: Identities;
  readonly sessions: Sessions;
  readonly secondFactor: SecondFactor;
}

export function createOpenIdService({
  db,
  clock,
  issuer,
  publicUrl,
  identities,
  sessions,
  secondFactor,
}: OpenIdSettings) {
  /** Where the browser goes, and the cookie that it keeps meanwhile. */
  async function begin(): Promise<{ url: URL; cookie: string }> {
    const secret = newSecret();
    const url = await configured().authorizationUrl(flowOf(secret));
    return { url, cookie: cookieWith(secret, { isSecure: publicUrl.protocol === "https:" }) };
  }

  /** The code for who came back. */
  async function finish(parameters: URLSearchParams, secret: string | undefined, visit: Visit): Promise<string> {
    const known = configured();
    if (secret === undefined) throw new Problem(openidRefused, "This browser was not sent there by us. Begin again.");
    const claims = await known.claimsOf(parameters, flowOf(secret));
    return inTransaction(db, async (tx) => {
      const userId = await personOf(tx, claims, visit);
      return makeOneTimeToken(tx, { purpose, userId, email: null, cause: randomUUID(), now: clock() });
    });
  }

  async function personOf(tx: Tx, claims: Claims, visit: Visit): Promise<string> {
    const key: IdentityKey = { kind: "openid", issuer: claims.iss, subject: claims.sub };
    const held = await lockIdentity(tx, key);
    if (held !== undefined) return held.userId;
    const email = provenAddress(claims);
    const namesake = email === undefined ? undefined : await findUserByEmail(tx, email);
    if (namesake === undefined) return welcome(tx, key, claims, visit);
    if (namesake.emailVerifiedAt === null) {
      throw new Problem(addressUnconfirmed, "Confirm it, or have a new password mailed to you: then come back.");
    }
    await identities.link(tx, actorOf(namesake.id, visit), namesake.id, key);
    return namesake.id;
  }

  async function welcome(tx: Tx, key: IdentityKey, claims: Claims, visit: Visit): Promise<string> {
    const id = randomUUID();
    const email = provenAddress(claims);
    const name = shownName(claims);
    await identities.welcome(tx, actorOf(id, visit), key, {
      id,
      names: likelyNames(claims, randomBytes(SUFFIX_BYTES).toString("hex").slice(1)),
      ...(email === undefined ? {} : { email }),
      ...(name === undefined ? {} : { name }),
    });
    return id;
  }

  async function logIn({ code, ...given }: OpenIdLoginInput, visit: Visit): Promise<IssuedToken> {
    const shown = { token: code, purpose, now: clock() } as const;
    const { userId } = await getOneTimeToken(db, shown);
    const token = await sessions.prepare(userId);
    const step = await inTransaction(db, async (tx) => {
      const user = await lockUser(tx, userId);
      if (user !== undefined) assertActive(user);
      const passed = await secondFactor.pass(tx, userId, given, visit);
      if (passed !== "passed") return passed;
      await useOneTimeToken(tx, shown);
      await sessions.begin(tx, token, { method: "openid", visit });
      return passed;
    });
    if (step !== "passed") throw secondStepProblem(step);
    return token;
  }

  function configured(): OpenIdIssuer {
    if (issuer !== undefined) return issuer;
    throw new Problem(openidOff, "Log in with your password, or ask whoever runs this platform.");
  }

  return { begin, finish, logIn };
}
