// Cache policies: named lists of cache rules, built in or an account's own. The only door of this domain.
export { builtInPolicies } from "./built-in.ts";
export { cachePolicyChanged } from "./jobs.ts";
export { cachePolicyRoutes } from "./routes.ts";
export { createCachePolicyService, findPolicyRules, isPolicyOf } from "./service.ts";
