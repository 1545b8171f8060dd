// Checks params, query and body against a route's schemas, and reports all faults at once with a pointer each.
import type { z } from "zod";
import type { FieldFault } from "../../platform/problem.ts";
import { invalidRequest } from "./problems.ts";

interface Parts {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

type PartSchemas = { readonly [Part in keyof Parts]: z.ZodType | undefined };
type Pointer = (path: readonly PropertyKey[]) => string;
type Issue = z.core.$ZodIssue;

/** Throws the 422 problem with every fault of every part. */
export function parseParts(schemas: PartSchemas, parts: Parts): Parts {
  const faults: FieldFault[] = [];
  const parsePart = (schema: z.ZodType | undefined, input: unknown, pointer: Pointer): unknown => {
    if (schema === undefined) return undefined;
    const parsed = schema.safeParse(input, { error: sayRequired });
    if (parsed.success) return parsed.data;
    faults.push(...parsed.error.issues.flatMap((issue) => faultsOf(issue, [], pointer)));
    return undefined;
  };
  const parsed = {
    params: parsePart(schemas.params, parts.params, (path) => `:${path.join("/")}`),
    query: parsePart(schemas.query, parts.query, (path) => `?${path.join("/")}`),
    body: parsePart(schemas.body, parts.body, jsonPointer),
  };
  if (faults.length > 0) throw invalidRequest(faults);
  return parsed;
}

/** RFC 6901 */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

// zod would say "expected string, received undefined", and of an enum which values it has.
function sayRequired(issue: { readonly code: string; readonly input: unknown }): string | undefined {
  return isTypeFault(issue) && issue.input === undefined ? "is required." : undefined;
}

function faultsOf(issue: Issue, outer: readonly PropertyKey[], pointer: Pointer): FieldFault[] {
  const path = [...outer, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ pointer: pointer([...path, key]), detail: "is not a field of this request." }));
  }
  if (issue.code === "invalid_union") {
    const closest = closestBranch(issue.errors);
    if (closest !== undefined) return closest.flatMap((inner) => faultsOf(inner, path, pointer));
  }
  return [{ pointer: pointer(path), detail: issue.message }];
}

/** Of a union's branches the one that the input was meant for: right type at its root, fewest faults inside. */
function closestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const meant = branches.filter((issues) => !issues.some((issue) => issue.path.length === 0 && isTypeFault(issue)));
  return meant.reduce<readonly Issue[] | undefined>(
    (best, issues) => (best === undefined || issues.length < best.length ? issues : best),
    undefined,
  );
}

function isTypeFault(issue: { readonly code: string }): boolean {
  return issue.code === "invalid_type" || issue.code === "invalid_value";
}
