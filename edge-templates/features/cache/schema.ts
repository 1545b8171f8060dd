// The `cache` part of a document: rules, of which the first that matches a request counts. openresty/lua/cache_rules.lua
// reads them. What a rule leaves out is absent: a document lives in memory by the hundred thousand.
import { z } from "zod";
import {
  contentTypeStart,
  cookieName,
  fileExtension,
  pathPattern,
  queryName,
  requestHeaderName,
  statusOrClass,
  words,
} from "../../texts.ts";

const CACHE_RULES_MAX = 200;

const seconds = z.int().min(0).max(31_536_000);

const cacheRuleSchema = z.strictObject({
  paths: words(pathPattern, 50),
  extensions: words(fileExtension, 100),
  content_types: words(contentTypeStart, 50),
  /** Absent: the origin's words come first. */
  mode: z.enum(["override", "bypass"]).optional(),
  ttl: seconds.optional(),
  ttl_max: seconds.optional(),
  ttl_by_status: z.record(statusOrClass, seconds).optional(),
  browser_ttl: seconds.optional(),
  /** Of a rule that overrides: private, no-store and Authorization too. */
  override_private: z.literal(true).optional(),
  /** Absent: every parameter, in the order in which it came. */
  query: z.strictObject({ mode: z.enum(["none", "include", "exclude"]), names: words(queryName, 100) }).optional(),
  cookies: words(cookieName, 20),
  headers: words(requestHeaderName, 20),
  sliced: z.literal(true).optional(),
  stale_while_revalidate: seconds.optional(),
  stale_if_error: seconds.optional(),
});

export const cacheSchema = z.strictObject({ rules: z.array(cacheRuleSchema).max(CACHE_RULES_MAX) });
export type CacheInput = z.input<typeof cacheSchema>;
