// What can be wrong with a distribution, beside faults in single fields.
import { defineProblem } from "../../../platform/problem.ts";

export const unknownDistribution = defineProblem("unknown-distribution", 404, "There is no such distribution");
export const domainAlreadyUsed = defineProblem("domain-already-used", 409, "Your account uses this domain already");
export const distributionDeleted = defineProblem("distribution-deleted", 409, "The distribution was deleted");
export const tooManyDistributions = defineProblem(
  "too-many-distributions",
  409,
  "The account has as many distributions as it may",
);
export const unknownOrigin = defineProblem("unknown-origin", 404, "There is no such origin");
export const lastOrigin = defineProblem("last-origin", 409, "A distribution needs an origin");
export const tooManyOrigins = defineProblem("too-many-origins", 409, "The distribution has as many origins as it may");
export const unknownVersion = defineProblem("unknown-version", 404, "There is no such version");
