// An origin as a customer writes it and reads it.
import { z } from "zod";

const balancers = ["failover", "round_robin", "weighted", "consistent_hash"] as const;
const WEIGHT_MAX = 1000;

/** A name or address, with an optional port: what may stand in a Host header. */
export const hostHeaderSchema = z
  .string()
  .max(260)
  .regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)(:[0-9]{1,5})?$/, {
    error: "must be a host name, with an optional :port.",
  });

export const originInput = z
  .strictObject({
    url: z.string().min(1).max(2048).meta({ description: "http:// or https:// and a host, with an optional port." }),
    label: z.string().min(1).max(100).optional(),
    type: z.enum(["custom", "http"]).default("custom").meta({ description: "`http` is read as `custom`." }),
    load_balancer_type: z.enum(balancers).default("failover"),
    port: z.int().min(1).max(65535).optional().meta({ description: "Must agree with the URL." }),
    protocol: z.enum(["http", "https"]).optional().meta({ description: "Must agree with the URL." }),
    is_primary: z.boolean().optional().meta({ description: "Default: true for the first origin of a distribution." }),
    weight: z.int().min(1).max(WEIGHT_MAX).default(1),
    host_header: hostHeaderSchema.optional(),
  })
  .meta({ id: "OriginInput" });
export type OriginInput = z.output<typeof originInput>;

export const originReply = z
  .object({
    id: z.uuid(),
    distribution_id: z.uuid(),
    customer_id: z.uuid(),
    label: z.string(),
    url: z.string(),
    type: z.enum(["custom", "s3"]),
    load_balancer_type: z.enum(balancers),
    port: z.int(),
    protocol: z.enum(["http", "https"]),
    is_primary: z.boolean(),
    weight: z.int(),
    host_header: z.string(),
    created_by: z.uuid().nullable(),
    updated_by: z.uuid().nullable(),
    created_at: z.string(),
    updated_at: z.string(),
    gotipath_deleted_at: z.string().nullable(),
  })
  .meta({ id: "Origin" });
