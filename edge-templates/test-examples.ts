// One whole distribution and one whole group, for tests to vary.
import type { DesiredCacheRule, DesiredDistribution, DesiredGroup, DesiredOrigin } from "./desired.ts";
import { edgeGroupSettingsSchema } from "./settings.ts";

/** Matches everything and says nothing. */
export const exampleCacheRule: DesiredCacheRule = {
  paths: [],
  extensions: [],
  contentTypes: [],
  mode: "respect",
  ttlSeconds: null,
  ttlMaxSeconds: null,
  ttlByStatus: {},
  browserTtlSeconds: null,
  isPrivateOverridden: false,
  query: { mode: "all", names: [] },
  cookies: [],
  headers: [],
  isSliced: false,
  staleWhileRevalidateSeconds: null,
  staleIfErrorSeconds: null,
};

/** As a web site has them. */
const exampleCacheRules: readonly DesiredCacheRule[] = [
  {
    ...exampleCacheRule,
    extensions: ["css", "js", "mjs", "map", "wasm", "json", "xml", "txt", "webmanifest"],
    contentTypes: ["text/css", "text/javascript", "text/plain", "text/xml", "application/"],
    ttlSeconds: 86_400,
    staleWhileRevalidateSeconds: 60,
    staleIfErrorSeconds: 86_400,
  },
  {
    ...exampleCacheRule,
    extensions: ["avif", "bmp", "gif", "ico", "jpeg", "jpg", "png", "svg", "tif", "tiff", "webp"],
    contentTypes: ["image/"],
    ttlSeconds: 604_800,
    staleWhileRevalidateSeconds: 3600,
    staleIfErrorSeconds: 604_800,
  },
];

export const exampleOrigin: DesiredOrigin = {
  id: "5d1c1a52-3f0b-4d5e-9a5e-1234567890ab",
  scheme: "https",
  host: "origin.example.net",
  port: 443,
  hostHeader: "origin.example.net",
  sni: "origin.example.net",
  isTlsVerified: true,
  weight: 1,
  primary: true,
  connectTimeoutSeconds: 5,
  readTimeoutSeconds: 60,
  healthCheck: null,
  bucket: null,
};

export const exampleDistribution: DesiredDistribution = {
  id: "8a1f7f0e-5a53-4d5e-9a5e-6a1f4f0c2a11",
  accountId: "0b9e5a36-7f2b-4c8e-9d53-6a1f4f0c2a12",
  hosts: ["www.example.com"],
  isDisabled: false,
  isOverQuota: false,
  isLivestream: false,
  http2: true,
  http3: true,
  https: true,
  redirectHttpToHttps: false,
  balancer: "failover",
  origins: [exampleOrigin],
  cacheRules: exampleCacheRules,
  headerRules: [],
  redirects: [],
  accessRules: [],
  rateLimits: [],
  cors: null,
  hsts: null,
  compression: { gzip: true, brotli: true },
};

export const exampleGroup: DesiredGroup = {
  id: "3f0b1a52-5a53-4d5e-9a5e-1234567890ab",
  name: "Example",
  settings: edgeGroupSettingsSchema.parse({}),
  capabilities: { nginx: "1.26.3", http3: true, http2_directive: true, balancer_keepalive: true, brotli: true },
  ownNames: ["localhost", "127.0.0.1"],
};
