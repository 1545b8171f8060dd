// The `origin` part of a document: where misses go, as openresty/lua/balancer.lua reads it.
import { z } from "zod";

const ORIGINS_MAX = 20;

const host = z.string().regex(/^[a-z0-9._:-]{1,253}$/, "must be a lower-case host name or an address");

const originServerSchema = z.strictObject({
  id: z.uuid(),
  scheme: z.enum(["http", "https"]),
  host,
  port: z.int().min(1).max(65535),
  host_header: z.string().regex(/^[a-zA-Z0-9._:[\]-]{1,260}$/, "must be a host name, with a port or without"),
  sni: z.string().regex(/^[a-zA-Z0-9._-]{1,253}$/, "must be a host name"),
  weight: z.int().min(1).max(1000),
  primary: z.boolean(),
});

export const originSchema = z.strictObject({
  balancer: z.enum(["failover", "round_robin", "weighted", "consistent_hash"]),
  servers: z.array(originServerSchema).min(1, "a distribution needs an origin").max(ORIGINS_MAX),
});
export type OriginPart = z.output<typeof originSchema>;
