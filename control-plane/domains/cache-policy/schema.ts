// A cache policy as a customer writes it and reads it.
import { z } from "zod";
import { lineOfText } from "../../http/plain-text.ts";
import { cacheRuleBody, cacheRuleInput, ruleDescription } from "../rule/index.ts";

const RULES_MAX = 50;

const name = lineOfText(100);
const rules = z
  .array(cacheRuleInput)
  .max(RULES_MAX, { error: `must hold ${RULES_MAX} rules at most.` })
  .meta({ description: "The first that matches decides; a distribution's own rules come before all of them." });

const example = {
  name: "Shop",
  description: "Pictures for a day, everything else as the shop says",
  rules: [{ extensions: ["jpg", "png", "webp"], content_types: ["image/"], mode: "override", ttl_seconds: 86_400 }],
};

export const createCachePolicyInput = z
  .strictObject({ name, description: ruleDescription.default(""), rules })
  .meta({ id: "CachePolicyInput", examples: [example] });
export type CreateCachePolicyInput = z.output<typeof createCachePolicyInput>;

/** RFC 7396: what is absent stays. The list of rules is replaced as a whole. */
export const patchCachePolicyInput = z
  .strictObject({ name, description: ruleDescription, rules })
  .partial()
  .meta({ id: "CachePolicyPatch", examples: [{ description: "For every shop" }] });
export type PatchCachePolicyInput = z.output<typeof patchCachePolicyInput>;

export const storedRules = z.array(cacheRuleBody);

export const cachePolicyReply = z
  .object({
    id: z.uuid(),
    name: z.string(),
    description: z.string(),
    is_built_in: z.boolean().meta({ description: "True: it is everybody's, and nobody can change it." }),
    rules: z.array(cacheRuleBody.meta({ id: "CachePolicyRule" })),
    created_by: z.uuid().nullable(),
    updated_by: z.uuid().nullable(),
    created_at: z.string().nullable(),
    updated_at: z.string().nullable(),
  })
  .meta({ id: "CachePolicy" });
export type CachePolicyReply = z.input<typeof cachePolicyReply>;

export const cachePolicyParams = z.object({ id: z.uuid() });
