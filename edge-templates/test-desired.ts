// The desired state as goldens write it: JSON that is laid over whole examples.
import { z } from "zod";
import type { DesiredDistribution, DesiredGroup } from "./desired.ts";
import { edgeGroupSettingsSchema } from "./settings.ts";
import { exampleCacheRule, exampleDistribution, exampleGroup, exampleOrigin } from "./test-examples.ts";

const texts = z.array(z.string());
const seconds = z.int().nullable();

const cacheRuleSchema = z
  .strictObject({
    paths: texts,
    extensions: texts,
    contentTypes: texts,
    mode: z.enum(["respect", "override", "bypass"]),
    ttlSeconds: seconds,
    ttlMaxSeconds: seconds,
    ttlByStatus: z.record(z.string(), z.int()),
    browserTtlSeconds: seconds,
    isPrivateOverridden: z.boolean(),
    query: z.strictObject({ mode: z.enum(["all", "none", "include", "exclude"]), names: texts }),
    cookies: texts,
    headers: texts,
    isSliced: z.boolean(),
    staleWhileRevalidateSeconds: seconds,
    staleIfErrorSeconds: seconds,
  })
  .partial()
  .transform((fields) => ({ ...exampleCacheRule, ...defined(fields) }));

const originSchema = z
  .strictObject({
    id: z.string(),
    scheme: z.enum(["http", "https"]),
    host: z.string(),
    port: z.int(),
    hostHeader: z.string(),
    sni: z.string(),
    primary: z.boolean(),
    isTlsVerified: z.boolean(),
    healthCheck: z.strictObject({
      path: z.string(),
      intervalSeconds: z.int(),
      timeoutSeconds: z.int(),
      statuses: z.array(z.strictObject({ from: z.int(), to: z.int() })),
      healthyAfter: z.int(),
      unhealthyAfter: z.int(),
    }),
    bucket: z.strictObject({
      name: z.string(),
      region: z.string(),
      style: z.enum(["path", "virtual"]),
      accessKeyId: z.string(),
      secretId: z.string(),
    }),
  })
  .partial()
  .transform((fields) => ({ ...exampleOrigin, ...defined(fields) }));

const headerRuleSchema = z.strictObject({
  phase: z.enum(["request", "response"]),
  action: z.enum(["set", "add", "remove"]),
  name: z.string(),
  value: z.string().default(""),
  paths: texts.default([]),
});

const corsSchema = z.strictObject({
  allowOrigins: texts,
  allowMethods: texts,
  allowHeaders: texts,
  exposeHeaders: texts,
  maxAgeSeconds: z.int(),
  allowCredentials: z.boolean(),
});

const rateLimitSchema = z.strictObject({
  paths: texts,
  requests: z.int(),
  perSeconds: z.int(),
  burst: z.int(),
});

const accessRule = { paths: texts, action: z.enum(["allow", "deny"]) };
const accessRuleSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("country"), ...accessRule, countries: texts }),
  z.strictObject({ type: z.literal("ip"), ...accessRule, networks: texts }),
  z.strictObject({ type: z.literal("referrer"), ...accessRule, hosts: texts, isEmptyNamed: z.boolean() }),
  z.strictObject({ type: z.literal("user_agent"), ...accessRule, patterns: texts }),
  z.strictObject({ type: z.literal("signed_url"), ...accessRule, secretIds: texts }),
]);

const redirectSchema = z.strictObject({
  source: z.string(),
  target: z.string(),
  status: z.union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)]),
  isQueryKept: z.boolean(),
});

const distributionSchema = z
  .strictObject({
    hosts: texts,
    origins: z.array(originSchema),
    balancer: z.enum(["failover", "round_robin", "weighted", "consistent_hash"]),
    cacheRules: z.array(cacheRuleSchema),
    headerRules: z.array(headerRuleSchema),
    redirects: z.array(redirectSchema),
    accessRules: z.array(accessRuleSchema),
    cors: corsSchema,
    hsts: z.strictObject({ maxAgeSeconds: z.int(), includeSubdomains: z.boolean(), preload: z.boolean() }),
    rateLimits: z.array(rateLimitSchema),
    compression: z.strictObject({ gzip: z.boolean(), brotli: z.boolean() }),
  })
  .partial()
  .extend({ desired: z.literal("distribution") });

const groupSchema = z
  .strictObject({
    settings: edgeGroupSettingsSchema,
    capabilities: z
      .strictObject({
        http3: z.boolean(),
        http2_directive: z.boolean(),
        balancer_keepalive: z.boolean(),
        brotli: z.boolean(),
      })
      .partial(),
    ownNames: texts,
  })
  .partial()
  .extend({ desired: z.literal("group") });

const desiredSchema = z.discriminatedUnion("desired", [distributionSchema, groupSchema]);

export type Desired =
  | { readonly desired: "distribution"; readonly distribution: DesiredDistribution }
  | { readonly desired: "group"; readonly group: DesiredGroup };

/** `{"desired": "distribution"}` or `{"desired": "group"}`, each with the fields that differ from the example. */
export function readDesired(text: string): Desired {
  const input = desiredSchema.parse(JSON.parse(text));
  if (input.desired === "distribution") {
    const { desired, ...fields } = input;
    return { desired, distribution: { ...exampleDistribution, ...defined(fields) } };
  }
  const { desired, capabilities = {}, ...fields } = input;
  const group = { ...exampleGroup, ...defined(fields) };
  return { desired, group: { ...group, capabilities: { ...exampleGroup.capabilities, ...defined(capabilities) } } };
}

type Defined<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

/** What JSON leaves out is absent, never undefined. */
function defined<Fields extends object>(fields: Fields): Defined<Fields> {
  return fields;
}
