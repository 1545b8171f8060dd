// What ties the way to the issuer and back to one browser: a secret in its cookie, from which everything else follows. So
// there is nothing to keep, and nobody can be sent back with somebody else's answer.
import { createHash, randomBytes } from "node:crypto";
import type { Flow } from "./issuer.ts";

const COOKIE = "edgewright_openid";
const COOKIE_PATH = "/openid";
export const loginPath = `${COOKIE_PATH}/login`;
export const callbackPath = `${COOKIE_PATH}/callback`;
const LIFETIME_S = 600;
const SECRET = /^[A-Za-z0-9_-]{43}$/;

export function newSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** Each 43 characters, as RFC 7636 wants a verifier at least to be. */
export function flowOf(secret: string): Flow {
  const derived = (what: string) =>
    createHash("sha256").update(`edgewright openid ${what} ${secret}`).digest("base64url");
  return { state: derived("state"), nonce: derived("nonce"), verifier: derived("verifier") };
}

/** Lax: it comes along when the issuer sends the browser back, and with no request of another site's. */
export function cookieWith(secret: string, { isSecure }: { isSecure: boolean }): string {
  const attributes = `Path=${COOKIE_PATH}; Max-Age=${LIFETIME_S}; HttpOnly; SameSite=Lax`;
  return `${COOKIE}=${secret}; ${attributes}${isSecure ? "; Secure" : ""}`;
}

export const cookieAway = `${COOKIE}=; Path=${COOKIE_PATH}; Max-Age=0; HttpOnly; SameSite=Lax`;

export function secretIn(cookies: string | undefined): string | undefined {
  const values = (cookies ?? "")
    .split(/; */)
    .flatMap((pair) => (pair.startsWith(`${COOKIE}=`) ? [pair.slice(COOKIE.length + 1)] : []));
  return values.find((value) => SECRET.test(value));
}
