// The `limits` part of a document: how often one viewer may ask. openresty/lua/rate_limits.lua reads it.
import { z } from "zod";
import { pathPattern, words } from "../../texts.ts";

const LIMITS_MAX = 50;

const limitSchema = z.strictObject({
  paths: words(pathPattern, 50),
  requests: z.int().min(1).max(1_000_000),
  /** Seconds. */
  per: z.int().min(1).max(86_400),
  burst: z.int().min(0).max(1_000_000),
});

export const limitsSchema = z.array(limitSchema).max(LIMITS_MAX);
export type LimitsInput = z.input<typeof limitsSchema>;
