// What can go wrong between a person and a session.
import { defineProblem } from "../../../platform/problem.ts";

export const identityTaken = defineProblem("identity-taken", 409, "Somebody has this name or address already");
export const loginRefused = defineProblem("login-refused", 401, "The log-in is not right");
