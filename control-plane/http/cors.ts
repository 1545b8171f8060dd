// Which pages' scripts may use the API from a browser: those of the listed origins, with a token and never with cookies.
import cors from "@koa/cors";
import type { Middleware } from "koa";
import type { ApiState } from "./request-log.ts";

const PREFLIGHT_MAX_AGE_S = 600;

/** What a script may read beside the body. */
const EXPOSED = [
  "ETag",
  "Location",
  "Link",
  "Retry-After",
  "X-Request-Id",
  "RateLimit-Limit",
  "RateLimit-Remaining",
  "RateLimit-Reset",
  "RateLimit-Policy",
  "Idempotency-Replayed",
  "Preference-Applied",
  "Deprecation",
  "Sunset",
];

/** As a browser writes it: scheme, host and a port that is not the scheme's own. */
export function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

/** Undefined: no page of another origin may, and nothing is said about it. */
export function allowOrigins(origins: readonly string[]): Middleware<ApiState> | undefined {
  if (origins.length === 0) return undefined;
  const allowed = new Set(origins);
  return cors({
    // An empty answer makes the request one without CORS headers: the browser keeps the answer from the script.
    origin: (context) => (allowed.has(context.get("origin")) ? context.get("origin") : ""),
    credentials: false,
    maxAge: PREFLIGHT_MAX_AGE_S,
    exposeHeaders: EXPOSED,
  });
}
