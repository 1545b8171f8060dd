// What can be wrong with alerts, beside faults in single fields.
import { defineProblem } from "../../../platform/problem.ts";

export const unknownAlert = defineProblem("unknown-alert", 404, "There is no such alert");
export const tooManyAlerts = defineProblem("too-many-alerts", 409, "The account has too many alerts");
export const tooManyAlertTests = defineProblem("too-many-alert-tests", 429, "Too many tests of alerts");
