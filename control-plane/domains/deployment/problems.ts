// What can be wrong with an operator's word about a rollout.
import { defineProblem } from "../../../platform/problem.ts";

export const unknownRollout = defineProblem("unknown-rollout", 404, "There is no such rollout");
export const rolloutOver = defineProblem("rollout-over", 409, "The rollout is over");
