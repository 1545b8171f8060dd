// What can be wrong with an enrolment or an operator's request about edges.
import { defineProblem } from "../../../platform/problem.ts";

// One answer for a token that is unknown, used or expired: whoever guesses learns nothing.
export const enrolmentTokenRefused = defineProblem("enrolment-token-refused", 401, "This token enrols nobody");
export const unknownEdgeGroup = defineProblem("unknown-edge-group", 404, "There is no such edge group");
export const unknownGroupVersion = defineProblem("unknown-group-version", 404, "The group has no such version");
export const edgeGroupNameTaken = defineProblem("edge-group-name-taken", 409, "Another edge group has this name");
export const edgeGroupInUse = defineProblem("edge-group-in-use", 409, "The edge group is in use");
export const anotherCanary = defineProblem("another-canary-group", 409, "Another group is the canary");
export const unknownEdge = defineProblem("unknown-edge", 404, "There is no such edge");
export const edgeNameTaken = defineProblem("edge-name-taken", 409, "Another edge of the group has this name");
