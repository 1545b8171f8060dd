// What the edges do with requests and answers by a customer's rules, in five kinds. The only door of this domain.
export {
  type CacheRuleBody,
  cacheRuleBody,
  cacheRuleFaults,
  cacheRuleInput,
  cacheRuleOf,
  desiredCacheRule,
  exampleCacheRule,
} from "./cache-rule.ts";
export {
  description as ruleDescription,
  type RuleInput,
  type RuleKind,
  ruleKindNames,
} from "./kind.ts";
export { ruleKinds } from "./kinds.ts";
export { tooManyRules, unknownRule } from "./problems.ts";
export { insertedAt, merged, replacedAt, without } from "./rules.ts";
export { desiredRules, replaceRules, rulesByDistribution, ruleToReply } from "./service.ts";
export { type RuleRecord, upsertRules } from "./store.ts";
