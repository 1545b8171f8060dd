// A distribution as a customer writes it and reads it.
import { z } from "zod";
import { pageQuery } from "../../database/paging.ts";
import { givenId } from "../../http/given-id.ts";
import { lineOfText } from "../../http/plain-text.ts";
import { exampleOrigin, hostHeaderSchema, originInput, originReply } from "../origin/index.ts";
import { certificateSummary, exampleCertificate } from "./certificate-reply.ts";
import { canonicalDomain } from "./rules.ts";

const accelerationTypes = ["static", "media", "livestream", "diy"] as const;
const cdnTypes = ["gotipath", "gcore", "tm_swift", "multi"] as const;
const distributionStatuses = ["pending", "deploying", "active", "failed", "disabled", "deleting", "deleted"] as const;
export const ORIGINS_MAX = 20;
const EDGE_GROUPS_MAX = 100;

const httpToken = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, { error: "must be a header name." });
const webOrigin = z.string().regex(/^(\*|https?:\/\/[a-z0-9.-]{1,253}(:\d{1,5})?)$/, {
  error: "must be * or an origin such as https://app.example.com, in lower case and without a path.",
});

export const corsSchema = z
  .strictObject({
    allow_origins: z
      .array(webOrigin)
      .min(1)
      .max(50)
      .meta({ description: "Whose pages may read the answers: exact origins, or `*` alone for everybody's." }),
    allow_methods: z
      .array(z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]))
      .min(1)
      .max(6)
      .default(["GET", "HEAD"]),
    allow_headers: z
      .array(httpToken)
      .max(50)
      .default([])
      .meta({ description: "Request headers that scripts may send beyond the usual ones." }),
    expose_headers: z.array(httpToken).max(50).default([]).meta({ description: "Answer headers that they may read." }),
    max_age_seconds: z
      .int()
      .min(0)
      .max(86_400)
      .default(3600)
      .meta({ description: "For how long a browser need not ask again (the answer to a preflight)." }),
    allow_credentials: z.boolean().default(false).meta({ description: "True: with cookies; not together with `*`." }),
  })
  .refine((cors) => !cors.allow_origins.includes("*") || cors.allow_origins.length === 1, {
    error: "must be * alone, or a list of origins without it.",
    path: ["allow_origins"],
  })
  .refine((cors) => !(cors.allow_credentials && cors.allow_origins.includes("*")), {
    error: "must be false with the origin *: browsers refuse the two together.",
    path: ["allow_credentials"],
  })
  .meta({ id: "Cors", description: "What the edges answer to browsers of other sites." });
export type Cors = z.output<typeof corsSchema>;

const YEAR_SECONDS = 31_536_000;

export const hstsSchema = z
  .strictObject({
    max_age_seconds: z
      .int()
      .min(0)
      .max(2 * YEAR_SECONDS)
      .default(YEAR_SECONDS)
      .meta({ description: "For how long browsers come by HTTPS alone. 0 takes back what they were told." }),
    include_subdomains: z.boolean().default(false).meta({ description: "True: to every name below its hosts too." }),
    preload: z.boolean().default(false).meta({
      description: "True: the hosts may be built into browsers. Who is in that list stays for months.",
    }),
  })
  .refine((hsts) => !hsts.preload || hsts.include_subdomains, {
    error: "must be true with preload: browsers build in whole domains alone.",
    path: ["include_subdomains"],
  })
  .refine((hsts) => !hsts.preload || hsts.max_age_seconds >= YEAR_SECONDS, {
    error: `must be at least ${YEAR_SECONDS} (a year) with preload.`,
    path: ["max_age_seconds"],
  })
  .meta({ id: "Hsts", description: "HTTP Strict Transport Security (RFC 6797)." });
export type Hsts = z.output<typeof hstsSchema>;

export const compressionSchema = z
  .strictObject({ gzip: z.boolean().default(true), brotli: z.boolean().default(true) })
  .meta({ id: "Compression", description: "Of text, where the viewer takes it and the edge can." });
export type Compression = z.output<typeof compressionSchema>;

const edgeGroupIds = z
  .array(givenId)
  .min(1, { error: "must name a group, or be null for all of them." })
  .max(EDGE_GROUPS_MAX)
  .refine((ids) => new Set(ids).size === ids.length, { error: "must name each group once." })
  .nullable()
  .meta({ description: "The points of presence that alone serve it. Null: all of them, also those to come." });

const oneOrMoreOrigins = z
  .union([originInput, z.array(originInput).min(1).max(ORIGINS_MAX)])
  .meta({ description: "One origin, or several: the first is primary unless another says so." });

/** Of the platform's zone only the service knows. */
const NO_ZONE = "";

const domainName = z
  .string()
  .min(1)
  .max(253)
  .superRefine((text, context) => {
    const name = canonicalDomain(text, NO_ZONE);
    if (typeof name !== "string") context.addIssue({ code: "custom", message: name.fault });
  })
  .optional()
  .meta({
    description:
      "Required when domain_type is custom, absent when it is subdomain. Unicode is written as `xn--…`; `*.` in front " +
      "stands for one label.",
  });
const domainType = z
  .enum(["custom", "subdomain"])
  .default("custom")
  .meta({ description: "`subdomain`: the platform makes a name in its own zone." });

/** What may be written at creation and changed later. */
const settings = {
  label: lineOfText(100).meta({ description: "A name of your own." }),
  description: z.union([z.literal(""), lineOfText(255)]).meta({ description: "A note of your own." }),
  acceleration_type: z.enum(accelerationTypes).meta({ description: "Brings a built-in cache policy." }),
  origin_type: z
    .enum(["custom", "http", "s3"])
    .meta({ description: "The type of origins that name none. `http` is read as `custom`." }),
  host_header: hostHeaderSchema.meta({ description: "What all origins read as Host. Default: each origin's own." }),
  sni: z
    .string()
    .max(253)
    .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, { error: "must be a host name." })
    .meta({ description: "The name in the TLS handshake with the origin. Default: host_header." }),
  is_http2: z.boolean().meta({ description: "HTTP/2 for viewers, over HTTPS." }),
  is_http3: z.boolean().meta({ description: "HTTP/3 for viewers, over HTTPS; answers announce it by Alt-Svc." }),
  enable_ssl: z.boolean().meta({ description: "False: the edges refuse HTTPS for its hosts (421)." }),
  is_livestream: z
    .boolean()
    .meta({ description: "True: the cache policy of livestream, whatever the acceleration type." }),
  is_redirect_http_to_https: z.boolean().meta({ description: "Acts once a certificate is there." }),
  cache_policy_id: givenId
    .nullable()
    .meta({ description: "A policy of the account or a built-in one. Null: that of acceleration_type." }),
  cors: corsSchema.nullable().meta({ description: "Null: the origin's own CORS headers pass." }),
  hsts: hstsSchema.nullable().meta({
    description:
      "Null: browsers are told nothing. It acts over HTTPS alone, and once a certificate for the host is there.",
  }),
  compression: compressionSchema,
  edge_group_ids: edgeGroupIds,
  le_issue: z.boolean().meta({
    description:
      "True: a certificate for the domain is got from the authority, renewed, and gone with the distribution.",
  }),
  certificate_id: givenId.nullable().meta({ description: "A certificate of the account that covers the domain." }),
  origin: oneOrMoreOrigins,
};

export const createDistributionInput = z
  .strictObject({
    domain: domainName,
    domain_type: domainType,
    type: z
      .enum(cdnTypes)
      .default("gotipath")
      .meta({ description: "Who delivers: `gotipath` are this platform's own edges. Read back as cdn_type." }),
    origin: settings.origin,
    label: settings.label.optional().meta({ description: "Default: the domain." }),
    description: settings.description.default(""),
    acceleration_type: settings.acceleration_type.default("static"),
    origin_type: settings.origin_type.default("custom"),
    host_header: settings.host_header.optional(),
    sni: settings.sni.optional(),
    is_http2: settings.is_http2.default(true),
    is_http3: settings.is_http3.default(true),
    enable_ssl: settings.enable_ssl.default(true),
    is_livestream: settings.is_livestream.default(false),
    is_redirect_http_to_https: settings.is_redirect_http_to_https.default(false),
    cache_policy_id: settings.cache_policy_id.default(null),
    cors: settings.cors.default(null),
    hsts: settings.hsts.default(null),
    compression: settings.compression.prefault({}),
    edge_group_ids: settings.edge_group_ids.default(null),
    le_issue: settings.le_issue.default(false),
    certificate_id: settings.certificate_id.default(null),
  })
  .meta({
    id: "DistributionInput",
    examples: [{ domain: "www.example.com", origin: { url: "https://origin.example.com" } }],
  });
export type CreateDistributionInput = z.output<typeof createDistributionInput>;

/** RFC 7396: what is absent stays. Null returns host_header and sni to their defaults. */
export const patchDistributionInput = z
  .strictObject({ ...settings, host_header: settings.host_header.nullable(), sni: settings.sni.nullable() })
  .partial()
  .meta({ id: "DistributionPatch", examples: [{ label: "Shop", acceleration_type: "media" }] });
export type PatchDistributionInput = z.output<typeof patchDistributionInput>;

/** What the customer decided about the distribution itself, as it is read back. */
export const decidedFields = {
  label: z.string(),
  description: z.string(),
  acceleration_type: settings.acceleration_type,
  origin_type: z.enum(["custom", "s3"]),
  host_header: z.string().meta({ description: "Empty: each origin's own." }),
  sni: z.string().meta({ description: "Empty: the host_header's." }),
  is_http2: settings.is_http2,
  is_http3: settings.is_http3,
  enable_ssl: settings.enable_ssl,
  is_livestream: settings.is_livestream,
  is_redirect_http_to_https: settings.is_redirect_http_to_https,
  cache_policy_id: settings.cache_policy_id,
  cors: settings.cors,
  hsts: settings.hsts,
  compression: compressionSchema,
  edge_group_ids: settings.edge_group_ids,
  le_issue: settings.le_issue,
  certificate_id: settings.certificate_id,
};

export const exampleDistribution = {
  id: "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
  customer_id: "2a3b4c5d-6e7f-4a8b-9c0d-1e2f3a4b5c6d",
  domain_id: "1b2c3d4e-5f6a-4b7c-8d9e-0f1a2b3c4d5e",
  domain: "www.example.com",
  domain_type: "custom",
  cname: "6f1c2d3e4b5a.cdn.example.net",
  is_cname_valid: true,
  is_acme_challenge_valid: true,
  label: "Shop",
  description: "",
  cdn_type: "gotipath",
  acceleration_type: "static",
  origin_type: "custom",
  host_header: "origin.example.com",
  sni: "origin.example.com",
  is_http2: true,
  is_http3: true,
  enable_ssl: true,
  is_livestream: false,
  is_streaming: false,
  is_redirect_http_to_https: false,
  cache_policy_id: null,
  cors: null,
  hsts: null,
  compression: { gzip: true, brotli: true },
  edge_group_ids: null,
  le_issue: true,
  certificate_id: exampleCertificate.id,
  certificate: exampleCertificate,
  version: 1,
  status: "active",
  status_reason: null,
  is_cut_off: false,
  providers: [{ name: "gotipath", status: "active", reason: null }],
  origin: [exampleOrigin],
  created_by: "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
  updated_by: "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
  created_at: "2026-11-20T12:00:00.000Z",
  updated_at: "2026-11-20T12:00:00.000Z",
  deleted_at: null,
  gotipath_deleted_at: null,
} as const;

export const distributionReply = z
  .object({
    id: z.uuid(),
    customer_id: z.uuid().meta({ description: "The account that owns it." }),
    domain_id: z
      .uuid()
      .nullable()
      .meta({ description: "The claim to the name; null for a name that the platform made." }),
    domain: z.string().meta({ description: "In lower-case ASCII." }),
    domain_type: z.enum(["custom", "subdomain"]),
    cname: z.string().meta({ description: "Point the domain here." }),
    is_cname_valid: z.boolean().meta({ description: "The domain leads to the edges; see its validation." }),
    is_acme_challenge_valid: z
      .boolean()
      .meta({ description: "A certificate authority that asks the domain is answered by the edges." }),
    cdn_type: z.enum(cdnTypes).meta({ description: "What was written as `type`." }),
    ...decidedFields,
    host_header: z.string().meta({ description: "Where none was written: the first origin's." }),
    sni: z.string().meta({ description: "Where none was written: host_header without its port." }),
    certificate_id: z.uuid().nullable().meta({ description: "With le_issue: the one that was got." }),
    certificate: certificateSummary.nullable().meta({
      description: "Null: none of its own. Names in the platform's zone are served with the platform's.",
    }),
    is_streaming: z.boolean().meta({ description: "The same as is_livestream." }),
    version: z.int().meta({ description: "The newest of its versions." }),
    status: z.enum(distributionStatuses).meta({
      description:
        "`pending`: not compiled yet. `deploying`: on its way. `active`: every edge that answers serves it. `failed`: an " +
        "edge refused it and serves what it had before, or the domain went to an account that proved it theirs. " +
        "`disabled`: viewers get 503, since you said so or the account is cut off. `deleting`, `deleted`: until the edges let go of it, and after.",
    }),
    status_reason: z.string().nullable().meta({ description: "Why it failed, or what is missing." }),
    is_cut_off: z.boolean().meta({
      description:
        "The account is over its quota: viewers get 503, and enabling it changes nothing until that is over.",
    }),
    providers: z.array(
      z.object({
        name: z.enum(["gotipath", "gcore", "tm_swift"]),
        status: z.enum(distributionStatuses),
        reason: z.string().nullable(),
      }),
    ),
    origin: z.array(originReply).meta({ description: "The primary one first." }),
    created_by: z.uuid().nullable().meta({ description: "Whose doing it was; null: the platform's." }),
    updated_by: z.uuid().nullable(),
    created_at: z.string(),
    updated_at: z.string(),
    deleted_at: z.string().nullable().meta({ description: "When its deletion was asked for." }),
    gotipath_deleted_at: z.string().nullable().meta({ description: "When the last edge stopped serving it." }),
  })
  .meta({ id: "Distribution", examples: [exampleDistribution] });
export type DistributionReply = z.input<typeof distributionReply>;

export const distributionParams = z.object({ id: givenId });

export const sortings = [
  "-created_at",
  "created_at",
  "-updated_at",
  "updated_at",
  "label",
  "-label",
  "domain",
  "-domain",
] as const;
export type Sorting = (typeof sortings)[number];

export const listDistributionsQuery = z.object({
  ...pageQuery,
  sort: z.enum(sortings).default("-created_at").meta({ description: "A minus in front: from the end." }),
  status: z
    .enum(distributionStatuses)
    .optional()
    .meta({ description: "`deleting` and `deleted` show what is gone, which is left out otherwise." }),
  acceleration_type: z.enum(accelerationTypes).optional(),
  type: z.enum(cdnTypes).optional(),
  domain: lineOfText(253).optional().meta({ description: "Exactly this name." }),
  search: lineOfText(100).optional().meta({ description: "Part of the domain, label or cname." }),
});
export type ListDistributionsQuery = z.output<typeof listDistributionsQuery>;

export const cloneDistributionInput = z
  .strictObject({
    domain: domainName,
    domain_type: domainType,
    label: settings.label.optional().meta({ description: "Default: the domain." }),
  })
  .meta({ id: "CloneInput", examples: [{ domain: "beta.example.com" }] });
export type CloneDistributionInput = z.output<typeof cloneDistributionInput>;
