// What one request brings beside its parts: its id, who is on the line, its headers, and when to give up on it.
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { RequestFacts } from "./define-route.ts";

/** What authentication may look at. */
export type Credentials = Pick<RequestFacts, "header" | "clientAddress" | "requestId" | "signal">;

// Long enough for a UUID or a trace id, short and plain enough for a log line.
const REQUEST_ID = /^[\w.:=@-]{8,128}$/;

/** A caller's own id follows the request through every log; one that is not sane is replaced. */
export function requestIdOf(request: IncomingMessage): string {
  const given = headerOf(request, "x-request-id");
  return given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
}

export function requestFactsOf(
  request: IncomingMessage,
  known: Pick<RequestFacts, "requestId" | "clientAddress" | "signal">,
): RequestFacts {
  return { ...known, header: (name) => headerOf(request, name), rawBody: undefined, waitSeconds: 0 };
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}
