// Turns whatever was thrown into the problem that the client may see.
import { Problem } from "../../platform/problem.ts";
import { outageOf } from "../database/outage.ts";
import { defect, unavailable } from "./problems.ts";

export const PROBLEM_TYPE = "application/problem+json";

/** A closed list of problems and outages; anything else is a defect, of which nobody outside learns more than an id. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const outage = outageOf(error);
  if (outage !== undefined) return unavailable(outage, error);
  return new Problem(defect, "The request id finds it in our logs.", { cause: error });
}

/** RFC 9457 §3.1.5: `instance` names this occurrence. */
export function problemInstance(requestId: string): string {
  return `urn:edgewright:request:${requestId}`;
}
