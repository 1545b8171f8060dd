// Every kind of rule by its name.
import { accessRule } from "./access-rule.ts";
import { cacheRule } from "./cache-rule.ts";
import { headerRule } from "./header-rule.ts";
import type { RuleKind, RuleKindName } from "./kind.ts";
import { rateLimit } from "./rate-limit.ts";
import { redirect } from "./redirect.ts";

export const ruleKinds: Readonly<Record<RuleKindName, RuleKind>> = {
  cache_rule: cacheRule,
  header_rule: headerRule,
  redirect,
  access_rule: accessRule,
  rate_limit: rateLimit,
};
