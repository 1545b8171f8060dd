// What may be wrong with a report, beside its fields.
import { defineProblem } from "../../../platform/problem.ts";

export const reportTooLarge = defineProblem("report-too-large", 422, "The report asks for too much at once");
