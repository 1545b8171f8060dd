// The bearer tokens of people: JWTs, HS256, 24 hours, under the key set of signing-keys.ts.
import { randomUUID, type webcrypto } from "node:crypto";
import { errors, type JWTHeaderParameters, jwtVerify, SignJWT } from "jose";
import { LRUCache } from "lru-cache";
import { z } from "zod";
import { unauthorized } from "../../http/problems.ts";
import { TOKEN_LIFETIME_MS } from "./signing-key-rules.ts";
import type { SigningKeys } from "./signing-keys.ts";

const ALGORITHM = "HS256";
const AUDIENCE = "edgewright";

const VERIFIED_MAX = 10_000;
const VERIFIED_FOR_MS = 60_000;

const keyId = z.uuid();

export interface IssuedToken {
  readonly token: string;
  readonly sessionId: string;
  readonly expiresAt: Date;
}

/** Whom a good token names, and by which session. */
export interface Recognised {
  readonly userId: string;
  readonly sessionId: string;
}

export type Tokens = ReturnType<typeof createTokens>;

export function createTokens({ keys, clock }: { keys: SigningKeys; clock: () => Date }) {
  async function keyOf({ kid }: JWTHeaderParameters): Promise<webcrypto.CryptoKey> {
    const named = keyId.safeParse(kid);
    const found = named.success ? await keys.find(named.data) : undefined;
    if (found === undefined) throw new errors.JWKSNoMatchingKey();
    return found.key;
  }

  // A signature is worth a look once a minute, not with each request of a busy program.
  const verified = new LRUCache<string, Recognised & { readonly expiresAtMs: number }>({
    max: VERIFIED_MAX,
    ttl: VERIFIED_FOR_MS,
  });

  async function verify(token: string): Promise<Recognised> {
    const known = verified.get(token);
    if (known !== undefined && known.expiresAtMs > clock().getTime()) return known;
    try {
      const { payload } = await jwtVerify(token, keyOf, {
        algorithms: [ALGORITHM],
        audience: AUDIENCE,
        requiredClaims: ["sub", "exp", "jti"],
        currentDate: clock(),
      });
      if (payload.sub !== undefined && payload.jti !== undefined) {
        const recognised = { userId: payload.sub, sessionId: payload.jti };
        verified.set(token, { ...recognised, expiresAtMs: (payload.exp ?? 0) * 1000 });
        return recognised;
      }
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
    }
    throw unauthorized("The token is not valid or has expired: log in again.");
  }

  return {
    verify,
    async issue(userId: string): Promise<IssuedToken> {
      const { kid, key } = await keys.signer();
      const now = clock();
      const sessionId = randomUUID();
      const expiresAt = new Date(now.getTime() + TOKEN_LIFETIME_MS);
      const token = await new SignJWT()
        .setProtectedHeader({ alg: ALGORITHM, kid })
        .setSubject(userId)
        .setAudience(AUDIENCE)
        .setJti(sessionId)
        .setIssuedAt(now)
        .setExpirationTime(expiresAt)
        .sign(key);
      return { token, sessionId, expiresAt };
    },
  };
}
