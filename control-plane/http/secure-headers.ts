// Headers of every answer that keep browsers and caches from guessing. Helmet's list was gone through: what it has beyond
// this concerns old plug-ins and Internet Explorer, or speaks of pages, of which this server has one (docs-page.ts).

export type Headers = Readonly<Record<string, string>>;

const ALWAYS: Headers = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-store",
};

// A year, for this name alone: the operator's other names may not all have a certificate.
const ENCRYPTED: Headers = { ...ALWAYS, "strict-transport-security": "max-age=31536000" };

/** RFC 6797 §7.2: HSTS is said over TLS only. */
export function secureHeaders({ isSecure }: { isSecure: boolean }): Headers {
  return isSecure ? ENCRYPTED : ALWAYS;
}
