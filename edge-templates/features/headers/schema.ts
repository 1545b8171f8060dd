// The `headers` part of a document: what is written into requests on their way to the origin and into answers on their
// way to viewers. openresty/lua/header_rules.lua reads it.
import { z } from "zod";
import { headerValue, pathPattern, requestHeaderName, responseHeaderName, words } from "../../texts.ts";

const RULES_MAX = 100;

const ruleOf = (name: z.ZodString) =>
  z.discriminatedUnion("action", [
    z.strictObject({
      action: z.enum(["set", "add"]),
      name,
      value: headerValue.min(1, "a header without a value is removed"),
      paths: words(pathPattern, 50),
    }),
    z.strictObject({ action: z.literal("remove"), name, paths: words(pathPattern, 50) }),
  ]);

/** In the customer's order; absent where there is none. */
export const headersSchema = z.strictObject({
  request: z.array(ruleOf(requestHeaderName)).max(RULES_MAX).optional(),
  response: z.array(ruleOf(responseHeaderName)).max(RULES_MAX).optional(),
});
export type HeadersInput = z.input<typeof headersSchema>;
