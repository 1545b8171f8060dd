// What can be wrong with a distribution, beside faults in single fields.
import { defineProblem } from "../../../platform/problem.ts";

export const unknownDistribution = defineProblem("unknown-distribution", 404, "There is no such distribution");
export const domainAlreadyUsed = defineProblem("domain-already-used", 409, "Your account uses this domain already");
