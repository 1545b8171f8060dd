// The door of the cache policies.
export { type BuiltInPolicy, builtInPolicies } from "./built-in.ts";
