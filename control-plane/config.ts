// The control plane's settings, parsed once per process. Their names are an interface: README.md lists them.
import { z } from "zod";
import { setting } from "../platform/config.ts";
import { isResolverAddress, parseDnsServer } from "../platform/dns/server-address.ts";
import { parseTsigKey } from "../platform/dns/tsig-key.ts";
import { canonicalHostName } from "../platform/host-name.ts";
import { isProxyName } from "./http/client-address.ts";
import { isOrigin } from "./http/cors.ts";

export const controlPlaneSchema = z.object({
  API_PORT: setting.port.default(8080),
  /** Where the API and, under `up`, the edge listen: an address of this machine. */
  LISTEN_HOST: z.string().min(1).default("0.0.0.0"),
  DATABASE_URL: setting.url("postgres:", "postgresql:"),
  REDIS_URL: setting.url("redis:", "rediss:"),
  CLICKHOUSE_URL: setting.url("http:", "https:"),
  /** As system.clusters names it: the tables are made on all its servers. Unset: the URL's is the only one. */
  CLICKHOUSE_CLUSTER: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,100}$/, { error: "must be a cluster's name: letters, digits, and . _ -" })
    .optional(),
  /** Files in MaxMind's format, read at the start: where viewers are, and whose network they come from. */
  GEOIP_DB: z.string().min(1).optional(),
  GEOIP_ASN_DB: z.string().min(1).optional(),
  DATA_DIR: z.string().min(1).default(".data"),
  S3_ENDPOINT: setting.url("http:", "https:").optional(),
  S3_BUCKET: z.string().min(3).max(63).optional(),
  S3_ACCESS_KEY_ID: z.string().min(1).optional(),
  S3_SECRET_ACCESS_KEY: z.string().min(1).optional(),
  S3_REGION: z.string().min(1).default("us-east-1"),
  ACME_DIRECTORY_URL: setting.url("https:").optional(),
  /** PEM of the authority's own root, where the system does not know it. */
  ACME_CA_FILE: z.string().min(1).optional(),
  /** Where the authority writes to when something is wrong with its certificates. */
  ACME_EMAIL: z.email({ error: "must be an e-mail address." }).optional(),
  /** RFC 8555 §7.3.4: how an authority knows who opens an account there; its customers' page shows both. */
  ACME_EAB_KEY_ID: z.string().min(1).optional(),
  ACME_EAB_HMAC_KEY: z
    .string()
    .regex(/^[A-Za-z0-9_-]{16,}$/, { error: "must be base64url, as the authority shows it: A-Z, a-z, 0-9, - and _." })
    .optional(),
  /** Which kind of certificate, where the authority has several. */
  ACME_PROFILE: z.string().min(1).optional(),
  /** What the authority allows: new orders in three hours, and new certificates for a registered domain in a week. */
  ACME_ORDERS_MAX: setting.count.default(300),
  ACME_CERTIFICATES_MAX: setting.count.default(50),
  /** As CAA records call an authority whose directory does not say it. */
  ACME_CAA_IDENTITIES: setting
    .list((name) => canonicalHostName(name) === name, "a name in lower case such as letsencrypt.org.")
    .default([]),
  /** The primary of PLATFORM_ZONE, which takes updates by RFC 2136, and the key that they are signed with. */
  ACME_DNS_SERVER: z
    .string()
    .refine((text) => parseDnsServer(text) !== undefined, {
      error: "must be a host or an address, perhaps with a port, such as ns1.example.com:53.",
    })
    .optional(),
  ACME_DNS_TSIG: z
    .string()
    .refine((text) => parseTsigKey(text) !== undefined, {
      error:
        "must be name:base64 with at least 16 bytes, or hmac-sha512:name:base64 (also sha256, the default, and sha384): `tsig-keygen` makes one.",
    })
    .optional(),
  /** Who is asked for the names of customers; unset: the resolvers of this machine. */
  DNS_SERVERS: setting
    .list(isResolverAddress, "an address, perhaps with a port, such as 192.0.2.53 or [2001:db8::53]:5353.")
    .optional(),
  /** Where our edges answer plain HTTP, seen from outside. */
  VALIDATION_HTTP_PORT: setting.port.default(80),
  PLATFORM_ZONE: z.string().min(1).default("edgewright.localhost"),
  ALLOW_PRIVATE_ORIGINS: setting.flag.default(false),
  /** 32 bytes as 64 hex digits; behind commas, former ones that still open. The file holds one per line. */
  MASTER_KEY: z
    .string()
    .regex(/^[0-9a-f]{64}(\s*,\s*[0-9a-f]{64})*$/, {
      error: "must be 64 hex digits, or several such keys with commas between: `openssl rand -hex 32` makes one.",
    })
    .optional(),
  MASTER_KEY_FILE: z.string().min(1).optional(),
  /** Ed25519 private key (PKCS#8 PEM). Only the worker reads it: the API cannot sign what edges run. */
  FEED_SIGNING_KEY_FILE: z.string().min(1).optional(),
  /** The key before, once, when another takes over: it signs the new one, so that enrolled edges accept it. */
  FEED_PREVIOUS_SIGNING_KEY_FILE: z.string().min(1).optional(),
  /** From one key that signs people's tokens to the next. */
  SIGNING_KEY_DAYS: setting.count.default(30),
  /** Where people reach the API from outside: links in mails lead there, and wallets sign its name. */
  PUBLIC_URL: setting
    .url("http:", "https:")
    .refine((text) => !URL.canParse(text) || new URL(text).href === `${new URL(text).origin}/`, {
      error: "must be a scheme, a host and perhaps a port, such as https://cdn.example.com.",
    })
    .optional(),
  SMTP_URL: setting.url("smtp:", "smtps:").optional(),
  /** PEM of the mail server's own authority, where the system does not know it. */
  SMTP_CA_FILE: z.string().min(1).optional(),
  MAIL_FROM: z
    .string()
    .regex(/^(?:[^<>\r\n]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/, {
      error: "must be an address, or a name and an address such as Edgewright <no-reply@example.com>.",
    })
    .optional(),
  /** OpenID Connect: who else may say who somebody is, and how we are known there. */
  OIDC_ISSUER: setting
    .url("https:", "http:")
    .refine((text) => !URL.canParse(text) || isSafeIssuer(new URL(text)), {
      error: "must be https, but for an issuer on this machine.",
    })
    .optional(),
  OIDC_CLIENT_ID: z.string().min(1).optional(),
  OIDC_CLIENT_SECRET: z.string().min(1).optional(),
  /** EIP-155: the chain that a wallet must name when somebody signs in with it. */
  ETHEREUM_CHAIN_ID: setting.count.default(1),
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error", "silent"]).default("info"),
  DATABASE_POOL_MAX: setting.count.default(10),
  /** Where a worker or a scheduler of its own answers /health and /metrics; the API does so on API_PORT. */
  HEALTH_PORT: setting.port.optional(),
  /** How many jobs a worker does at once. */
  WORKER_CONCURRENCY: setting.count.default(8),
  /** For how long the canary group runs what a new compiler made, before the other groups follow; how much it may refuse. */
  CANARY_SETTLE_SECONDS: setting.count.default(60),
  CANARY_REFUSALS_MAX: setting.countFromZero.default(0),
  /** Whose X-Forwarded-For and X-Forwarded-Proto count. */
  TRUSTED_PROXIES: setting
    .list(isProxyName, "an address, a network such as 10.0.0.0/8, or loopback, linklocal or uniquelocal.")
    .default([]),
  /** Whose scripts may use the API from a browser. */
  CORS_ORIGINS: setting.list(isOrigin, "an exact origin such as https://portal.example.com.").default([]),
  /** Per client address, without a good token. */
  RATE_LIMIT_PER_MINUTE: setting.count.default(100),
  /** Per session or API token. */
  RATE_LIMIT_TOKEN_PER_MINUTE: setting.count.default(600),
  DISTRIBUTIONS_PER_ACCOUNT_MAX: setting.count.default(1_000),
  /** What an account may use in a month without a quota of its own, by the role of its owners. Unset: as much as it likes. */
  QUOTA_USER_REQUESTS: setting.count.optional(),
  QUOTA_USER_BYTES: setting.count.optional(),
  QUOTA_PREMIUM_REQUESTS: setting.count.optional(),
  QUOTA_PREMIUM_BYTES: setting.count.optional(),
  /** Whether what is over such a quota is cut off, or told alone. */
  QUOTA_CUTS_OFF: setting.flag.default(false),
  /** Of an account: URLs, prefixes and tags that its purges name, and URLs that its prefetches name. No less than one may. */
  PURGE_ITEMS_PER_MINUTE: setting.count
    .refine((count) => count >= 1_000, { error: "must be at least 1000: one purge may name so many." })
    .default(10_000),
  PREFETCH_URLS_PER_MINUTE: setting.count
    .refine((count) => count >= 100, { error: "must be at least 100: one prefetch may name so many." })
    .default(1_000),
  /** Of log-ins per client address, of registrations, and the like; one more, and it waits LOGIN_BAN_SECONDS. */
  LOGIN_ATTEMPTS_PER_MINUTE: setting.count.default(5),
  LOGIN_BAN_SECONDS: setting.count.default(900),
  /** How long an API token may live; without it, as long as its maker likes. */
  API_TOKEN_DAYS_MAX: setting.count.optional(),
});
export type ControlPlaneConfig = z.output<typeof controlPlaneSchema>;

function isSafeIssuer({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}

/** Its origin; without the setting, this machine alone reaches it. */
export function publicUrlOf({ PUBLIC_URL: url, API_PORT: port }: ControlPlaneConfig): URL {
  return new URL(url ?? `http://127.0.0.1:${port}`);
}

/** What accounts may use in a month of whom no operator has said anything. */
export function defaultQuotasOf(config: ControlPlaneConfig) {
  return {
    user: { requests: config.QUOTA_USER_REQUESTS ?? null, bytes: config.QUOTA_USER_BYTES ?? null },
    premium: { requests: config.QUOTA_PREMIUM_REQUESTS ?? null, bytes: config.QUOTA_PREMIUM_BYTES ?? null },
    cutsOff: config.QUOTA_CUTS_OFF,
  };
}

/** Whom letters come from. */
export function mailFromOf({ MAIL_FROM: from, PLATFORM_ZONE: zone }: ControlPlaneConfig): string {
  return from ?? `Edgewright <no-reply@${zone}>`;
}

/** Whom the first start makes the platform's administrator. */
export const administratorSchema = z.object({
  ADMIN_EMAIL: z.email({ error: "must be an e-mail address." }).optional(),
  ADMIN_PASSWORD: z
    .string()
    .min(8, { error: "must have at least 8 characters." })
    .max(72, { error: "must have at most 72 characters." })
    .optional(),
});
