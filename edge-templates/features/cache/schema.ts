// The `cache` part of a document: rules, of which the first that matches a request counts. openresty/lua/cache_rules.lua
// reads them. What a rule leaves out is absent: a document lives in memory by the hundred thousand.
import { z } from "zod";
import { contentTypeStart, fileExtension, pathPattern } from "../../texts.ts";

const CACHE_RULES_MAX = 200;

const seconds = z.int().min(0).max(31_536_000);

/** Lists whose items hold no blank are one text with blanks between them: less to keep and to decode. */
const textOf = (item: z.ZodString, count: number) =>
  z
    .array(item)
    .max(count)
    .transform((items) => (items.length === 0 ? undefined : items.join(" ")))
    .optional();

const cacheRuleSchema = z.strictObject({
  paths: textOf(pathPattern, 50),
  extensions: textOf(fileExtension, 100),
  content_types: textOf(contentTypeStart, 50),
  /** Freshness where the origin gave none. */
  ttl: seconds.optional(),
  /** Fresh for no longer than this, whatever the origin said. */
  ttl_max: seconds.optional(),
  stale_while_revalidate: seconds.optional(),
  stale_if_error: seconds.optional(),
});

export const cacheSchema = z.strictObject({ rules: z.array(cacheRuleSchema).max(CACHE_RULES_MAX) });
export type CacheInput = z.input<typeof cacheSchema>;
