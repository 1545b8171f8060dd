// What can be wrong with rules, beside faults in single fields.
import { defineProblem } from "../../../platform/problem.ts";

export const unknownRule = defineProblem("unknown-rule", 404, "There is no such rule");
export const tooManyRules = defineProblem("too-many-rules", 409, "The distribution has no room for another rule");
