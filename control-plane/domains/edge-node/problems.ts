// What can be wrong with an enrolment or an operator's request about edges.
import { defineProblem } from "../../../platform/problem.ts";

// One answer for a token that is unknown, used or expired: whoever guesses learns nothing.
export const enrolmentTokenRefused = defineProblem("enrolment-token-refused", 401, "This token enrols nobody");
export const unknownEdgeGroup = defineProblem("unknown-edge-group", 404, "There is no such edge group");
