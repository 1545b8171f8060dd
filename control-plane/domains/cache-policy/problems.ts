// What can be wrong with cache policies, beside faults in single fields.
import { defineProblem } from "../../../platform/problem.ts";

export const unknownCachePolicy = defineProblem("unknown-cache-policy", 404, "There is no such cache policy");
export const builtInCachePolicy = defineProblem("built-in-cache-policy", 409, "A built-in policy cannot be changed");
export const cachePolicyInUse = defineProblem("cache-policy-in-use", 409, "Distributions use this cache policy");
export const cachePolicyNameTaken = defineProblem("cache-policy-name-taken", 409, "Another policy has this name");
export const tooManyCachePolicies = defineProblem("too-many-cache-policies", 409, "The account has too many policies");
