// The `access` part of a document: who is let in. openresty/lua/access_rules.lua reads it.
import { z } from "zod";
import { agentPattern, countryCode, hostPattern, network, pathPattern, words } from "../../texts.ts";

const RULES_MAX = 100;

const common = { action: z.enum(["allow", "deny"]), paths: words(pathPattern, 50) };

/** A list that names nobody would let everybody in, or nobody: neither is what somebody meant. */
const some = (item: z.ZodString, count: number) => words(item, count).pipe(z.string("names nobody"));

const ruleSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("country"), ...common, countries: some(countryCode, 300) }),
  z.strictObject({ type: z.literal("ip"), ...common, networks: some(network, 1000) }),
  z.strictObject({
    type: z.literal("referrer"),
    ...common,
    hosts: some(hostPattern, 500),
    /** Requests without a Referer count as named. */
    empty: z.literal(true).optional(),
  }),
  z.strictObject({ type: z.literal("user_agent"), ...common, patterns: z.array(agentPattern).min(1).max(200) }),
  z.strictObject({
    type: z.literal("signed_url"),
    ...common,
    action: z.literal("allow", "lets in what is signed, and can do nothing else"),
    secrets: some(z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, "must be the id of a secret"), 4),
  }),
]);

export const accessSchema = z.array(ruleSchema).max(RULES_MAX);
export type AccessInput = z.input<typeof accessSchema>;
