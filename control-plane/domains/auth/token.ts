// The bearer tokens of people: JWTs, HS256, 24 hours, under a key that is derived from the master key.
import { hkdfSync, randomUUID } from "node:crypto";
import { errors, jwtVerify, SignJWT } from "jose";
import { unauthorized } from "../../http/problems.ts";

const LIFETIME_MS = 24 * 60 * 60 * 1000;
const ALGORITHM = "HS256";
const AUDIENCE = "edgewright";
/** Names the derivation, so that a token of another one is refused before its signature is computed. */
const KEY_ID = "1";
const KEY_BYTES = 32;

export interface IssuedToken {
  readonly token: string;
  readonly expiresAt: Date;
}

/** Whom a good token names, and by which session. */
export interface Recognised {
  readonly userId: string;
  readonly sessionId: string;
}

export type Tokens = ReturnType<typeof createTokens>;

export function createTokens({ masterKey, clock }: { masterKey: Buffer; clock: () => Date }) {
  const key = new Uint8Array(hkdfSync("sha256", masterKey, "", `edgewright bearer tokens ${KEY_ID}`, KEY_BYTES));
  return {
    async issue(userId: string): Promise<IssuedToken> {
      const now = clock();
      const expiresAt = new Date(now.getTime() + LIFETIME_MS);
      const token = await new SignJWT()
        .setProtectedHeader({ alg: ALGORITHM, kid: KEY_ID })
        .setSubject(userId)
        .setAudience(AUDIENCE)
        .setJti(randomUUID())
        .setIssuedAt(now)
        .setExpirationTime(expiresAt)
        .sign(key);
      return { token, expiresAt };
    },
    async verify(token: string): Promise<Recognised> {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [ALGORITHM],
          audience: AUDIENCE,
          requiredClaims: ["sub", "exp", "jti"],
          currentDate: clock(),
        });
        if (payload.sub !== undefined && payload.jti !== undefined)
          return { userId: payload.sub, sessionId: payload.jti };
      } catch (error) {
        if (!(error instanceof errors.JOSEError)) throw error;
      }
      throw unauthorized("The token is not valid or has expired: log in again.");
    },
  };
}
