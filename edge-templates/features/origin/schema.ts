// The `origin` part of a document: where misses go and how, as openresty/lua/origins.lua reads it.
import { z } from "zod";

const ORIGINS_MAX = 20;

const host = z.string().regex(/^[a-z0-9._:-]{1,253}$/, "must be a lower-case host name or an address");
const status = z.int().min(100).max(599);

/** Whole seconds; nothing else goes into canonical JSON. */
const seconds = z.int().min(1);

const healthCheckSchema = z.strictObject({
  path: z.string().regex(/^\/[\x21-\x22\x24-\x7e]{0,1000}$/, "must begin with / and have no blanks and no #"),
  interval: seconds.max(3600),
  timeout: seconds.max(60),
  statuses: z
    .array(z.strictObject({ from: status, to: status }))
    .min(1)
    .max(20),
  healthy_after: z.int().min(1).max(10),
  unhealthy_after: z.int().min(1).max(10),
});

const bucketSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/, "must be the name of a bucket"),
  region: z.string().regex(/^[a-z0-9-]{1,50}$/, "must be the name of a region"),
  style: z.enum(["path", "virtual"]),
  access_key_id: z.string().regex(/^[\x21-\x7e]{1,128}$/, "must be printable ASCII without blanks"),
  /** The id of the secret key: what it is, is nobody's to read here. */
  secret: z.uuid(),
});

const originServerSchema = z.strictObject({
  id: z.uuid(),
  scheme: z.enum(["http", "https"]),
  host,
  port: z.int().min(1).max(65535),
  host_header: z.string().regex(/^[a-zA-Z0-9._:[\]-]{1,260}$/, "must be a host name, with a port or without"),
  sni: z.string().regex(/^[a-zA-Z0-9._-]{1,253}$/, "must be a host name"),
  /** Whether the certificate of an https server must be right. */
  verify: z.boolean(),
  weight: z.int().min(1).max(1000),
  primary: z.boolean(),
  connect_timeout: seconds.max(60),
  read_timeout: seconds.max(300),
  check: healthCheckSchema.optional(),
  bucket: bucketSchema.optional(),
});

export const originSchema = z.strictObject({
  balancer: z.enum(["failover", "round_robin", "weighted", "consistent_hash"]),
  servers: z.array(originServerSchema).min(1, "a distribution needs an origin").max(ORIGINS_MAX),
});
export type OriginPart = z.output<typeof originSchema>;
type OriginServer = OriginPart["servers"][number];
export type HealthCheckPart = NonNullable<OriginServer["check"]>;
export type BucketPart = NonNullable<OriginServer["bucket"]>;
