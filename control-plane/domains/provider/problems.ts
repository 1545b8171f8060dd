// What can be wrong with a request about providers, beside faults in single fields.
import { defineProblem } from "../../../platform/problem.ts";

export const providerNotConfigured = defineProblem("provider-not-configured", 409, "The provider is not configured");
export const unknownProviderLink = defineProblem("unknown-provider-link", 404, "There is no such link");
