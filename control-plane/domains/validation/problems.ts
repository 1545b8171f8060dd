// What can be wrong with a look that somebody asks for.
import { defineProblem } from "../../../platform/problem.ts";

export const validatedJustNow = defineProblem("validated-just-now", 429, "It was looked at just now");
