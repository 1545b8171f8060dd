// What can be wrong with a purge, beside faults in single fields.
import { defineProblem } from "../../../platform/problem.ts";

export const unknownPurge = defineProblem("unknown-purge", 404, "There is no such purge");
