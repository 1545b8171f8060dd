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

export function requestFactsOf(request: IncomingMessage, requestId: string, signal: AbortSignal): RequestFacts {
  return {
    requestId,
    clientAddress: clientAddressOf(request),
    header: (name) => headerOf(request, name),
    rawBody: undefined,
    waitSeconds: 0,
    signal,
  };
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

/** A socket open to IPv4 and IPv6 shows IPv4 addresses in the mapped form. */
function clientAddressOf(request: IncomingMessage): string {
  return (request.socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
}
