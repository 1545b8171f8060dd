// What the control plane wants of an edge, in the control plane's words: the input of the compiler.
import type { Capabilities } from "../agents/contract.ts";
import type { EdgeGroupSettings } from "./settings.ts";

export type AccelerationType = "static" | "media" | "livestream" | "diy";
export type Balancer = "failover" | "round_robin" | "weighted" | "consistent_hash";

/**
 * A path in its canonical form, as viewers ask for it, without the query. `*` stands for any run of characters, `/`
 * included; it begins with `/` or `*`. A list of none is every path.
 */
export type PathPattern = string;

export interface DesiredHealthCheck {
  readonly path: string;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  /** Which answers are healthy, such as `[{ from: 200, to: 399 }]`. */
  readonly statuses: readonly { readonly from: number; readonly to: number }[];
  readonly healthyAfter: number;
  readonly unhealthyAfter: number;
}

/** How requests to a bucket are addressed and signed. The secret key itself travels apart, by its id. */
export interface DesiredBucket {
  readonly name: string;
  readonly region: string;
  readonly style: "path" | "virtual";
  readonly accessKeyId: string;
  readonly secretId: string;
}

export interface DesiredOrigin {
  readonly id: string;
  readonly scheme: "http" | "https";
  /** A name, an IPv4 address or an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** What the origin reads as Host; may carry a port. */
  readonly hostHeader: string;
  /** The name in the TLS handshake; unused by http origins. */
  readonly sni: string;
  /** False: whatever certificate an https origin shows is taken. */
  readonly isTlsVerified: boolean;
  readonly weight: number;
  readonly primary: boolean;
  readonly connectTimeoutSeconds: number;
  readonly readTimeoutSeconds: number;
  /** Null: only the failures of viewers' requests count. */
  readonly healthCheck: DesiredHealthCheck | null;
  readonly bucket: DesiredBucket | null;
}

export interface DesiredCacheRule {
  readonly paths: readonly PathPattern[];
  /** Lower case, without a dot; none: any. */
  readonly extensions: readonly string[];
  /** The rule's times hold only for answers whose Content-Type begins with one of these; none: any. */
  readonly contentTypes: readonly string[];
  /** `respect`: times count where the origin is silent. `override`: always. `bypass`: nothing is stored. */
  readonly mode: "respect" | "override" | "bypass";
  readonly ttlSeconds: number | null;
  readonly ttlMaxSeconds: number | null;
  /** By status (`404`) or class (`5xx`); comes before `ttlSeconds`. */
  readonly ttlByStatus: Readonly<Record<string, number>>;
  /** What viewers are told in Cache-Control; null: what the origin said. */
  readonly browserTtlSeconds: number | null;
  /** True: `override` beats private, no-store and Authorization too. */
  readonly isPrivateOverridden: boolean;
  /** Which query parameters tell answers apart. */
  readonly query: { readonly mode: "all" | "none" | "include" | "exclude"; readonly names: readonly string[] };
  /** Cookies and request headers (lower case) that tell answers apart. */
  readonly cookies: readonly string[];
  readonly headers: readonly string[];
  /** Large files are fetched and kept in slices. */
  readonly isSliced: boolean;
  readonly staleWhileRevalidateSeconds: number | null;
  readonly staleIfErrorSeconds: number | null;
}

export interface DesiredHeaderRule {
  readonly paths: readonly PathPattern[];
  /** On the way to the origin, or on the way to the viewer. */
  readonly phase: "request" | "response";
  readonly action: "set" | "add" | "remove";
  /** Lower case. */
  readonly name: string;
  /** Empty for `remove`. */
  readonly value: string;
}

export interface DesiredRedirect {
  /** A pattern with one `*` at most, at its end. */
  readonly source: PathPattern;
  /** A path or an absolute URL; `:splat` in it is what the `*` stood for. */
  readonly target: string;
  readonly status: 301 | 302 | 303 | 307 | 308;
  readonly isQueryKept: boolean;
}

/** `deny`: what it names is refused. `allow`: everything else is. A request must pass every rule for its path. */
export type DesiredAccessRule = {
  readonly paths: readonly PathPattern[];
  readonly action: "allow" | "deny";
} & (
  | { readonly type: "country"; readonly countries: readonly string[] }
  | { readonly type: "ip"; readonly networks: readonly string[] }
  /** Host names, `*.example.com` for those below one; `isEmptyNamed`: no Referer counts as named. */
  | { readonly type: "referrer"; readonly hosts: readonly string[]; readonly isEmptyNamed: boolean }
  /** Texts with `*`, whatever their case, matched against the whole User-Agent. */
  | { readonly type: "user_agent"; readonly patterns: readonly string[] }
  /** `allow` alone: URLs that are signed and in their time; several keys while one takes over from another. */
  | { readonly type: "signed_url"; readonly secretIds: readonly string[] }
);

/** At most `requests` in `perSeconds` of one viewer address, on one edge; `burst` more at once. */
export interface DesiredRateLimit {
  readonly paths: readonly PathPattern[];
  readonly requests: number;
  readonly perSeconds: number;
  readonly burst: number;
}

export interface DesiredCors {
  /** Origins such as `https://app.example.com`, or `*` alone. */
  readonly allowOrigins: readonly string[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds: number;
  readonly allowCredentials: boolean;
}

/** RFC 6797: for how long browsers come by HTTPS alone. */
export interface DesiredHsts {
  readonly maxAgeSeconds: number;
  readonly includeSubdomains: boolean;
  readonly preload: boolean;
}

export interface DesiredDistribution {
  readonly id: string;
  readonly accountId: string;
  /** Canonical (lower case, ASCII, no port). One `*.` at the front stands for exactly one label. */
  readonly hosts: readonly string[];
  /** True: viewers get 503, and nothing is asked of the origins. */
  readonly isDisabled: boolean;
  /** True: why it is disabled; viewers are told. */
  readonly isOverQuota: boolean;
  readonly isLivestream: boolean;
  /** False: HTTPS is refused for its hosts. */
  readonly https: boolean;
  readonly http2: boolean;
  readonly http3: boolean;
  /** True only when a certificate covers every host; who decides that is the control plane. */
  readonly redirectHttpToHttps: boolean;
  readonly origins: readonly DesiredOrigin[];
  readonly balancer: Balancer;
  /** The first that matches decides: the customer's own, then those of the cache policy. */
  readonly cacheRules: readonly DesiredCacheRule[];
  readonly headerRules: readonly DesiredHeaderRule[];
  /** The first that matches. */
  readonly redirects: readonly DesiredRedirect[];
  readonly accessRules: readonly DesiredAccessRule[];
  readonly rateLimits: readonly DesiredRateLimit[];
  /** Null: the origin's own CORS headers pass. */
  readonly cors: DesiredCors | null;
  /** Null: browsers are told nothing. */
  readonly hsts: DesiredHsts | null;
  readonly compression: { readonly gzip: boolean; readonly brotli: boolean };
}

export interface DesiredGroup {
  readonly id: string;
  readonly name: string;
  readonly settings: EdgeGroupSettings;
  readonly capabilities: Capabilities;
  /** Names of the edge itself, which answer `/__edge/health`. */
  readonly ownNames: readonly string[];
}
