// A cache policy as a customer writes it and reads it.
import { z } from "zod";
import { givenId } from "../../http/given-id.ts";
import { lineOfText } from "../../http/plain-text.ts";
import { cacheRuleBody, cacheRuleInput, exampleCacheRule, ruleDescription } from "../rule/index.ts";

const RULES_MAX = 50;

const name = lineOfText(100).meta({ description: "Another than those of the account's other policies." });
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
    created_at: z.string().nullable().meta({ description: "Null: it came with the platform." }),
    updated_at: z.string().nullable(),
  })
  .meta({
    id: "CachePolicy",
    examples: [
      {
        id: "9e8d7c6b-5a4f-4e3d-8c2b-1a0f9e8d7c6b",
        name: example.name,
        description: example.description,
        is_built_in: false,
        rules: [exampleCacheRule],
        created_by: "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
        updated_by: "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
        created_at: "2026-11-20T12:00:00.000Z",
        updated_at: "2026-11-20T12:00:00.000Z",
      },
    ],
  });
export type CachePolicyReply = z.input<typeof cachePolicyReply>;

export const cachePolicyParams = z.object({ id: givenId });
