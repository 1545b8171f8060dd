// An origin as a customer writes it and reads it.
import { z } from "zod";
import { lineOfText } from "../../http/plain-text.ts";
import { originUrlFaults } from "./origin-url.ts";

const balancers = ["failover", "round_robin", "weighted", "consistent_hash"] as const;
const WEIGHT_MAX = 1000;

/** A name or address, with an optional port: what may stand in a Host header. */
export const hostHeaderSchema = z
  .string()
  .max(260)
  .regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)(:[0-9]{1,5})?$/, {
    error: "must be a host name, with an optional :port.",
  });

const statusRange = z
  .string()
  .regex(/^[1-5]\d\d(-[1-5]\d\d)?$/, { error: "must be a status such as 200 or a range such as 200-399." })
  .refine((text) => Number(text.slice(0, 3)) <= Number(text.slice(-3)), { error: "must not end before it begins." });

export const healthCheckSchema = z
  .strictObject({
    path: z
      .string()
      .max(1000)
      .regex(/^\/[\x21-\x7e]*$/, { error: "must begin with / and have no blanks." })
      .refine((path) => !path.includes("#"), { error: "must not have a #: that part of a URL is never sent." })
      .default("/")
      .meta({ description: "Asked for with GET, with the origin's own Host. Of a bucket: an object, with HEAD." }),
    interval_seconds: z.int().min(5).max(3600).default(30),
    timeout_seconds: z.int().min(1).max(60).default(5),
    statuses: z
      .array(statusRange)
      .min(1)
      .max(10)
      .default(["200-399"])
      .meta({ description: "Answers that are healthy: `200`, `200-399`." }),
    healthy_after: z
      .int()
      .min(1)
      .max(10)
      .default(2)
      .meta({ description: "So many good answers in a row, and the origin is asked by viewers' requests again." }),
    unhealthy_after: z
      .int()
      .min(1)
      .max(10)
      .default(3)
      .meta({ description: "So many failures in a row, and it is asked only when no other is left." }),
  })
  .refine((check) => check.timeout_seconds <= check.interval_seconds, {
    error: "must not be longer than interval_seconds.",
    path: ["timeout_seconds"],
  })
  .meta({
    id: "HealthCheck",
    description: "Each edge asks the origin by itself; without one, only the failures of viewers' requests count.",
  });
export type HealthCheck = z.output<typeof healthCheckSchema>;

const fields = {
  url: z
    .string()
    .min(1)
    .max(2048)
    .superRefine((text, context) => {
      for (const message of originUrlFaults(text)) context.addIssue({ code: "custom", message });
    })
    .meta({
      description: "http:// or https:// and a host, with an optional port. Of S3 origins, made from the others.",
    }),
  label: lineOfText(100).meta({ description: "A name of your own. Default: origin-1, origin-2 …" }),
  type: z.enum(["custom", "http", "s3"]).meta({ description: "`http` is read as `custom`." }),
  load_balancer_type: z.enum(balancers).meta({
    description:
      "How misses are spread: `failover` asks the primary one first, `round_robin` each in turn, `weighted` by weight, " +
      "`consistent_hash` gives each URL its origin. The same for all origins of a distribution.",
  }),
  port: z.int().min(1).max(65535).meta({ description: "Must agree with the URL." }),
  protocol: z.enum(["http", "https"]).meta({ description: "Must agree with the URL." }),
  is_primary: z.boolean().meta({ description: "Default: true for the first origin of a distribution." }),
  weight: z
    .int()
    .min(1)
    .max(WEIGHT_MAX)
    .meta({ description: "Its share with `weighted`, against the others' weights." }),
  host_header: hostHeaderSchema.meta({
    description: "What the origin reads as Host, unless the distribution has a host_header. Default: the URL's host.",
  }),
  is_tls_verified: z.boolean().meta({ description: "False: any certificate of an https origin is taken." }),
  connect_timeout_seconds: z.int().min(1).max(60).meta({ description: "For TCP and TLS together." }),
  read_timeout_seconds: z
    .int()
    .min(1)
    .max(300)
    .meta({ description: "For the whole header of an answer, then between any two parts of its body." }),
  health_check: healthCheckSchema.nullable().meta({ description: "Null: none." }),
  s3_type: z.enum(["aws", "other"]).meta({ description: "`other`: any S3, at s3_storage_hostname." }),
  s3_style: z
    .enum(["path", "virtual"])
    .meta({ description: "How the bucket is named in requests. Default: virtual for aws, path for other." }),
  s3_region: z.string().regex(/^[a-z0-9-]{1,50}$/, { error: "must be a region such as eu-central-1." }),
  s3_bucket_name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/, { error: "must be a bucket's name, 3 to 63 characters." })
    .refine((name) => !name.includes(".."), { error: "must not have two dots in a row." }),
  s3_storage_hostname: hostHeaderSchema.meta({
    description: "Where another S3 than AWS listens: host, optional :port.",
  }),
  s3_access_key_id: z.string().regex(/^[\x21-\x7e]{3,128}$/, { error: "must be 3 to 128 characters without blanks." }),
  s3_secret_key: z
    .string()
    .regex(/^[\x21-\x7e]{8,256}$/, { error: "must be 8 to 256 characters without blanks." })
    .meta({ writeOnly: true, description: "Kept encrypted and never read back." }),
};

export const originInput = z
  .strictObject({
    ...fields,
    url: fields.url.optional(),
    label: fields.label.optional(),
    type: fields.type.optional().meta({ description: "Default: the distribution's origin_type." }),
    load_balancer_type: fields.load_balancer_type.optional().meta({ description: "Default: failover." }),
    port: fields.port.optional(),
    protocol: fields.protocol.optional(),
    is_primary: fields.is_primary.optional(),
    weight: fields.weight.default(1),
    host_header: fields.host_header.optional(),
    is_tls_verified: fields.is_tls_verified.default(true),
    connect_timeout_seconds: fields.connect_timeout_seconds.default(5),
    read_timeout_seconds: fields.read_timeout_seconds.default(30),
    health_check: fields.health_check.default(null),
    s3_type: fields.s3_type.optional(),
    s3_style: fields.s3_style.optional(),
    s3_region: fields.s3_region.optional(),
    s3_bucket_name: fields.s3_bucket_name.optional(),
    s3_storage_hostname: fields.s3_storage_hostname.optional(),
    s3_access_key_id: fields.s3_access_key_id.optional(),
    s3_secret_key: fields.s3_secret_key.optional(),
  })
  .meta({
    id: "OriginInput",
    examples: [
      { url: "https://origin.example.com", weight: 2, health_check: { path: "/healthz" } },
      {
        type: "s3",
        s3_type: "aws",
        s3_region: "eu-central-1",
        s3_bucket_name: "shop-images",
        s3_access_key_id: "AKIAIOSFODNN7EXAMPLE",
        s3_secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
      },
    ],
  });
export type OriginInput = z.output<typeof originInput>;

/** RFC 7396: what is absent stays, null returns a field to its default. */
export const patchOriginInput = z
  .strictObject({ ...fields, host_header: fields.host_header.nullable(), s3_style: fields.s3_style.nullable() })
  .partial()
  .meta({ id: "OriginPatch", examples: [{ weight: 5, read_timeout_seconds: 60 }] });
export type PatchOriginInput = z.output<typeof patchOriginInput>;

/** What the customer decided, as it is read back. */
export const decidedFields = {
  label: z.string(),
  url: z.string(),
  type: z.enum(["custom", "s3"]),
  load_balancer_type: fields.load_balancer_type,
  port: z.int(),
  protocol: z.enum(["http", "https"]),
  is_primary: z.boolean(),
  weight: z.int(),
  host_header: z.string().meta({ description: "What it reads as Host, unless the distribution has a host_header." }),
  is_tls_verified: fields.is_tls_verified,
  connect_timeout_seconds: z.int(),
  read_timeout_seconds: z.int(),
  health_check: fields.health_check,
  s3_type: z.enum(["aws", "other"]).nullable().meta({ description: "Null, as all that is named s3: it is no bucket." }),
  s3_style: z.enum(["path", "virtual"]).nullable(),
  s3_region: z.string().nullable(),
  s3_bucket_name: z.string().nullable(),
  s3_storage_hostname: z.string().nullable(),
  s3_access_key_id: z.string().nullable(),
};

export const exampleOrigin = {
  id: "6f1c2d3e-4b5a-4c6d-8e7f-9a0b1c2d3e4f",
  distribution_id: "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
  customer_id: "2a3b4c5d-6e7f-4a8b-9c0d-1e2f3a4b5c6d",
  label: "origin-1",
  url: "https://origin.example.com",
  type: "custom",
  load_balancer_type: "failover",
  port: 443,
  protocol: "https",
  is_primary: true,
  weight: 1,
  host_header: "origin.example.com",
  is_tls_verified: true,
  connect_timeout_seconds: 5,
  read_timeout_seconds: 30,
  health_check: null,
  s3_type: null,
  s3_style: null,
  s3_region: null,
  s3_bucket_name: null,
  s3_storage_hostname: null,
  s3_access_key_id: null,
  created_by: "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
  updated_by: "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
  created_at: "2026-11-20T12:00:00.000Z",
  updated_at: "2026-11-20T12:00:00.000Z",
  gotipath_deleted_at: null,
} as const;

export const originReply = z
  .object({
    id: z.uuid(),
    distribution_id: z.uuid(),
    customer_id: z.uuid().meta({ description: "The account that owns it." }),
    ...decidedFields,
    created_by: z.uuid().nullable().meta({ description: "Whose doing it was; null: the platform's." }),
    updated_by: z.uuid().nullable(),
    created_at: z.string(),
    updated_at: z.string(),
    gotipath_deleted_at: z
      .string()
      .nullable()
      .meta({ description: "When the last of our edges stopped asking it; null: they may ask it." }),
  })
  .meta({ id: "Origin", examples: [exampleOrigin] });
