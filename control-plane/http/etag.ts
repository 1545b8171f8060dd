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
  return `"${digestOf(json)}"`;
}

/**
 * The tag of a resource part of which moves by itself, like what an edge reports: it names what people decide of it, which
 * is what assertDecidedIfMatch guards, and the whole, which whoever polls has or has not.
 */
export function etagOfParts({ decided, body }: { decided: unknown; body: unknown }): string {
  return `"${digestOf(JSON.stringify(decided))}.${digestOf(JSON.stringify(body))}"`;
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
  assertListed(facts, etagOf(current), (tag) => tag);
}

/** Of a resource whose tag is of parts: what moved by itself since it was read is nobody's conflict. */
export function assertDecidedIfMatch(facts: Pick<RequestFacts, "header">, decided: unknown): void {
  assertListed(facts, etagOf(decided), (tag) => tag.replace(/\.[\w-]+"$/, '"'));
}

function assertListed(facts: Pick<RequestFacts, "header">, tag: string, normalise: (tag: string) => string): void {
  const expected = facts.header("if-match");
  if (expected === undefined || expected.trim() === "*" || listsTag(expected, tag, normalise)) return;
  throw new Problem(failedPrecondition, "If-Match names another state: read it again, then change that.");
}

/** RFC 9110 §13.1.2: If-None-Match compares weakly. */
export function isNotModified(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.trim() === "*" || listsTag(ifNoneMatch, etag, (tag) => tag.replace(/^W\//, ""));
}

function digestOf(json: string): string {
  return createHash("sha256").update(json).digest("base64url");
}

function listsTag(header: string, etag: string, normalise: (tag: string) => string): boolean {
  return header.split(",").some((tag) => normalise(tag.trim()) === etag);
}
