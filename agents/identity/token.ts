// The bearer token of each call: a JWT by the agent's own key, a minute long, with the certificate that names the edge.
import { X509Certificate } from "node:crypto";
import { SignJWT } from "jose";
import { EDGE_TOKEN_AUDIENCE } from "../contract.ts";
import type { Identity } from "./identity.ts";

const LIFETIME_S = 60;
/** A token is used again while it has at least this left: signing costs a millisecond of a busy core. */
const REUSE_S = 30;

export function createTokenSource(identity: () => Identity): () => Promise<string> {
  let held: { readonly token: string; readonly certificate: string; readonly until: number } | undefined;
  return async () => {
    const { certificate, edgeId, key } = identity();
    const now = Math.floor(Date.now() / 1000);
    if (held !== undefined && held.certificate === certificate && now < held.until) return held.token;
    const token = await new SignJWT()
      .setProtectedHeader({ alg: "RS256", x5c: [new X509Certificate(certificate).raw.toString("base64")] })
      .setAudience(EDGE_TOKEN_AUDIENCE)
      .setSubject(edgeId)
      .setIssuedAt(now)
      .setExpirationTime(now + LIFETIME_S)
      .sign(key);
    held = { token, certificate, until: now + LIFETIME_S - REUSE_S };
    return token;
  };
}
