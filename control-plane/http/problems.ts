// The problems that any route may have. A domain's own are in its problems.ts.
import { defineProblem, type FieldFault, Problem } from "../../platform/problem.ts";

export const malformedRequest = defineProblem("malformed-request", 400, "The request cannot be read");
export const unauthenticated = defineProblem("unauthenticated", 401, "Who are you?");
export const notAllowed = defineProblem("forbidden", 403, "Not allowed");
const unknownPath = defineProblem("not-found", 404, "Not found");
export const wrongMethod = defineProblem("method-not-allowed", 405, "This path has other methods");
export const failedPrecondition = defineProblem("precondition-failed", 412, "It has changed since you read it");
export const tooLarge = defineProblem("content-too-large", 413, "The body is too large");
export const unsupportedMediaType = defineProblem("unsupported-media-type", 415, "The body has a wrong type");
export const idempotencyKeyInUse = defineProblem("idempotency-key-in-use", 409, "The first request still runs");
export const idempotencyKeyReused = defineProblem("idempotency-key-reused", 422, "The key stands for another request");
export const tooManyRequests = defineProblem("too-many-requests", 429, "Too many requests");
const invalid = defineProblem("invalid-request", 422, "The request has faults");
export const defect = defineProblem("internal-error", 500, "Something is broken on our side");
export const dependencyAway = defineProblem("dependency-unavailable", 503, "A service this needs is away");
const serverStopping = defineProblem("server-stopping", 503, "This server is stopping");

/** What every route may answer without declaring it. */
export const sharedProblems = [invalid, defect, dependencyAway, serverStopping] as const;

const RETRY_AFTER_S = 2;

export function notFound(detail: string): Problem {
  return new Problem(unknownPath, detail);
}

export function unauthorized(detail: string): Problem {
  // RFC 9110 §11.6.1: a 401 names a scheme that would do.
  return new Problem(unauthenticated, detail, { headers: { "www-authenticate": "Bearer" } });
}

export function forbidden(detail: string): Problem {
  return new Problem(notAllowed, detail);
}

/** All faults of the request at once. */
export function invalidRequest(errors: readonly FieldFault[], cause?: unknown): Problem {
  const detail = errors.length === 1 ? "One field is not right." : `${errors.length} fields are not right.`;
  return new Problem(invalid, detail, { errors, cause });
}

/** A request that was cut short because its server stops; the next try meets another one. */
export function stopping(cause: unknown): Problem {
  return new Problem(serverStopping, "Ask again: another server will answer.", {
    headers: { "retry-after": String(RETRY_AFTER_S) },
    cause,
  });
}

/** `name` is a dependency as /ready names it: database, redis, clickhouse, object storage. */
export function unavailable(name: string, cause?: unknown): Problem {
  return new Problem(dependencyAway, `The ${name} does not answer now. Try again shortly.`, {
    headers: { "retry-after": String(RETRY_AFTER_S) },
    cause,
  });
}
