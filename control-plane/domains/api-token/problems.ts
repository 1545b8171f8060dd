// What can go wrong with API tokens.
import { defineProblem } from "../../../platform/problem.ts";

export const unknownApiToken = defineProblem("unknown-api-token", 404, "No such API token");
export const tooManyApiTokens = defineProblem("too-many-api-tokens", 409, "You have as many API tokens as one may");
