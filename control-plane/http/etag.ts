// Entity tags: strong, over the JSON of the answer, so whoever holds one holds exactly that representation.
import { createHash } from "node:crypto";
import { Problem } from "../../platform/problem.ts";
import type { RequestFacts, Route } from "./define-route.ts";
import { failedPrecondition } from "./problems.ts";

/** The tag of a resource as its route answers it. */
export function etagOf(body: unknown): string {
  return etagOfText(JSON.stringify(body));
}

export function etagOfText(json: string): string {
  return `"${createHash("sha256").update(json).digest("base64url")}"`;
}

/** Whether the answer is a representation that a client can hold: of what is read, and of what a guarded change leaves. */
export function hasTag({ method, reply, ifMatch }: Pick<Route, "method" | "reply" | "ifMatch">): boolean {
  return "body" in reply && (method === "GET" || (ifMatch && (method === "PATCH" || method === "PUT")));
}

/**
 * Guards an update: `If-Match` must name what the resource is now. Without the header the update goes ahead. Read the
 * resource in the transaction that changes it, with a lock, or two updates pass at once.
 */
export function assertIfMatch(facts: Pick<RequestFacts, "header">, current: unknown): void {
  const expected = facts.header("if-match");
  if (expected === undefined || expected.trim() === "*") return;
  if (listsTag(expected, etagOf(current), (tag) => tag)) return;
  throw new Problem(failedPrecondition, "If-Match names another state: read it again, then change that.");
}

/** RFC 9110 §13.1.2: If-None-Match compares weakly. */
export function isNotModified(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.trim() === "*" || listsTag(ifNoneMatch, etag, (tag) => tag.replace(/^W\//, ""));
}

function listsTag(header: string, etag: string, normalise: (tag: string) => string): boolean {
  return header.split(",").some((tag) => normalise(tag.trim()) === etag);
}
