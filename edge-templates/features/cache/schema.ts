// The `cache` part of a document: rules, of which the first that matches a request counts. They speak where the origin
// is silent; what an origin says (RFC 9111, 9213) stands, but for `ttl_max`.
import { z } from "zod";

const CACHE_RULES_MAX = 100;

const seconds = z.int().min(0).max(31_536_000);

const matchSchema = z.union([
  z.strictObject({ any: z.literal(true) }),
  z.strictObject({
    prefix: z
      .string()
      .regex(/^\/[^?#\s]*$/)
      .max(1000),
  }),
  z.strictObject({
    /** Lists are text with a blank between items: a document lives in memory by the hundred thousand. */
    extensions: z.string().regex(/^[a-z0-9]{1,16}( [a-z0-9]{1,16}){0,99}$/),
  }),
]);

export const cacheRuleSchema = z.strictObject({
  match: matchSchema,
  /** The rule's times hold only for answers whose Content-Type begins with one of these: a page of a user's own that
   * is asked for as `/account/x.css` is still a page. */
  content_types: z
    .string()
    .regex(/^[a-z0-9.+/-]{1,100}( [a-z0-9.+/-]{1,100}){0,49}$/)
    .optional(),
  /** Freshness where the origin gave none. */
  ttl_default: seconds.optional(),
  /** Fresh for no longer than this, whatever the origin said. */
  ttl_max: seconds.optional(),
  stale_while_revalidate: seconds.optional(),
  stale_if_error: seconds.optional(),
});
export type CacheRule = z.output<typeof cacheRuleSchema>;

export const cacheSchema = z.strictObject({ rules: z.array(cacheRuleSchema).min(1).max(CACHE_RULES_MAX) });
