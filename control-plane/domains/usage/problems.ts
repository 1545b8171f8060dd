// What can go wrong with usage and quotas.
import { defineProblem } from "../../../platform/problem.ts";

export const unknownMonth = defineProblem("unknown-month", 404, "Nothing was counted in that month");
export const unknownAccount = defineProblem("unknown-account", 404, "No such account");
export const unknownQuota = defineProblem("unknown-quota", 404, "The account has no quota of its own");
