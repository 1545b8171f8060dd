// A distribution as a customer writes it and reads it.
import { z } from "zod";
import { hostHeaderSchema, originInput, originReply } from "../origin/index.ts";

const accelerationTypes = ["static", "media", "livestream", "diy"] as const;
const cdnTypes = ["gotipath", "gcore", "tm_swift", "multi"] as const;
const distributionStatuses = ["pending", "deploying", "active", "failed", "disabled", "deleting", "deleted"] as const;
const ORIGINS_MAX = 20;

const oneOrMoreOrigins = z
  .union([originInput, z.array(originInput).min(1).max(ORIGINS_MAX)])
  .meta({ description: "One origin, or several: the first is primary unless another says so." });

/** What may be written at creation and changed later. */
const settings = {
  label: z.string().min(1).max(100),
  description: z.string().max(255),
  acceleration_type: z.enum(accelerationTypes).meta({ description: "Brings a built-in cache policy." }),
  origin_type: z.enum(["custom", "http"]).meta({ description: "`http` is read as `custom`." }),
  host_header: hostHeaderSchema.meta({ description: "Default: the origin's host." }),
  sni: z
    .string()
    .max(253)
    .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, { error: "must be a host name." })
    .meta({ description: "The name in the TLS handshake with the origin. Default: host_header." }),
  is_http2: z.boolean(),
  is_http3: z.boolean(),
  enable_ssl: z.boolean().meta({ description: "False: the edges refuse HTTPS for its hosts (421)." }),
  is_livestream: z
    .boolean()
    .meta({ description: "True: the cache policy of livestream, whatever the acceleration type." }),
  is_redirect_http_to_https: z.boolean().meta({ description: "Acts once a certificate is there." }),
  origin: oneOrMoreOrigins,
};

export const createDistributionInput = z
  .strictObject({
    domain: z.string().min(1).max(253).optional().meta({ description: "Required when domain_type is custom." }),
    domain_type: z.enum(["custom", "subdomain"]).default("custom"),
    type: z.enum(cdnTypes).default("gotipath"),
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

export const distributionReply = z
  .object({
    id: z.uuid(),
    customer_id: z.uuid(),
    domain_id: z.uuid().nullable(),
    domain: z.string(),
    domain_type: z.enum(["custom", "subdomain"]),
    cname: z.string().meta({ description: "Point the domain here." }),
    label: z.string(),
    description: z.string(),
    cdn_type: z.enum(cdnTypes),
    acceleration_type: z.enum(accelerationTypes),
    origin_type: z.enum(["custom", "s3"]),
    host_header: z.string(),
    sni: z.string(),
    is_http2: z.boolean(),
    is_http3: z.boolean(),
    enable_ssl: z.boolean(),
    is_livestream: z.boolean(),
    is_streaming: z.boolean(),
    is_redirect_http_to_https: z.boolean(),
    status: z.enum(distributionStatuses),
    status_reason: z.string().nullable(),
    origin: z.array(originReply),
    created_by: z.uuid().nullable(),
    updated_by: z.uuid().nullable(),
    created_at: z.string(),
    updated_at: z.string(),
    deleted_at: z.string().nullable(),
    gotipath_deleted_at: z.string().nullable(),
  })
  .meta({ id: "Distribution" });
export type DistributionReply = z.input<typeof distributionReply>;

export const distributionParams = z.object({ id: z.uuid() });
