// Cache policies on the wire, an account's own and the built-in ones alike.
import { cacheRuleOf } from "../rule/index.ts";
import type { BuiltInPolicy } from "./built-in.ts";
import type { CachePolicyReply } from "./schema.ts";
import type { CachePolicyRecord } from "./store.ts";

export function policyToReply(policy: CachePolicyRecord): CachePolicyReply {
  return {
    id: policy.id,
    name: policy.name,
    description: policy.description,
    is_built_in: false,
    rules: [...policy.rules],
    created_by: policy.createdBy,
    updated_by: policy.updatedBy,
    created_at: policy.createdAt.toISOString(),
    updated_at: policy.updatedAt.toISOString(),
  };
}

export function builtInToReply({ id, name, description, rules }: BuiltInPolicy): CachePolicyReply {
  return {
    ...{ id, name, description, is_built_in: true, rules: rules.map(cacheRuleOf) },
    ...{ created_by: null, updated_by: null, created_at: null, updated_at: null },
  };
}
