// What can go wrong when operators look after people.
import { defineProblem } from "../../../../platform/problem.ts";

export const unknownUser = defineProblem("unknown-user", 404, "No such user");
export const lastAdministrator = defineProblem("last-administrator", 409, "The platform keeps at least one admin");
