// What `up` itself is told: the control plane's settings with every service optional, and the local edge's.
import { z } from "zod";
import { setting } from "../../../platform/config.ts";
import { administratorSchema, controlPlaneSchema } from "../../config.ts";

export const upSchema = controlPlaneSchema.extend({
  ...administratorSchema.shape,
  LISTEN_HOST: z
    .union([z.ipv4(), z.ipv6()], { error: "must be an address of this machine, or 0.0.0.0." })
    .default("127.0.0.1"),
  DATABASE_URL: controlPlaneSchema.shape.DATABASE_URL.optional(),
  REDIS_URL: controlPlaneSchema.shape.REDIS_URL.optional(),
  CLICKHOUSE_URL: controlPlaneSchema.shape.CLICKHOUSE_URL.optional(),
  ALLOW_PRIVATE_ORIGINS: setting.flag.default(true),
  /** Unset: where the local authority looks, which is the local edge. */
  VALIDATION_HTTP_PORT: setting.port.optional(),
  /** The local authority has no limits. */
  ACME_ORDERS_MAX: setting.count.optional(),
  ACME_CERTIFICATES_MAX: setting.count.optional(),
  ORIGIN_CA_FILE: z.string().min(1).optional(),
  /** Unset: a free file that comes with the packages. */
  GEOIP_DB: controlPlaneSchema.shape.GEOIP_DB,
  EDGE_HTTP_PORT: setting.port.default(8000),
  EDGE_HTTPS_PORT: setting.port.default(8443),
  /** An OpenResty of this machine instead of the unpacked nginx. */
  NGINX_PATH: z.string().min(1).optional(),
  /** Where Debian's packages are unpacked; several checkouts may share one. */
  EDGEWRIGHT_TOOLS: z.string().min(1).optional(),
});
export type UpSettings = z.output<typeof upSchema>;
