// What can go wrong with usage and quotas.
import { defineProblem } from "../../../platform/problem.ts";

export const unknownMonth = defineProblem("unknown-month", 404, "Nothing was counted in that month");
