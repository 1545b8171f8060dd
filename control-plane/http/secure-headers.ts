// Headers of every answer that keep browsers and caches from guessing. Helmet's list was gone through: what it has beyond
// this concerns old plug-ins and Internet Explorer, or speaks of pages, of which this server has one (docs-page.ts).
import type { ServerResponse } from "node:http";

const ALWAYS = [
  ["x-content-type-options", "nosniff"],
  ["x-frame-options", "DENY"],
  ["referrer-policy", "no-referrer"],
  ["content-security-policy", "default-src 'none'; frame-ancestors 'none'"],
  ["cross-origin-resource-policy", "same-origin"],
  ["cross-origin-opener-policy", "same-origin"],
  ["cache-control", "no-store"],
] as const;
// A year, for this name alone: the operator's other names may not all have a certificate.
const STRICT_TRANSPORT = "max-age=31536000";

/** Straight to Node's answer: Koa would check each of these constants again. */
export function setSecureHeaders(response: ServerResponse, { isSecure }: { isSecure: boolean }): void {
  for (const [name, value] of ALWAYS) response.setHeader(name, value);
  // RFC 6797 §7.2: over TLS only.
  if (isSecure) response.setHeader("strict-transport-security", STRICT_TRANSPORT);
}
