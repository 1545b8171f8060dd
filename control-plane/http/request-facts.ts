// What one request brings beside its parts: its id, who is on the line, its headers, and when to give up on it.
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Problem } from "../../platform/problem.ts";
import { JSON_TYPE, type RequestFacts } from "./define-route.ts";
import { malformedRequest } from "./problems.ts";

/** What authentication may look at. */
export type Credentials = Pick<RequestFacts, "header" | "clientAddress" | "requestId" | "signal">;

// Long enough for a UUID or a trace id, short and plain enough for a log line.
const REQUEST_ID = /^[\w.:=@-]{8,128}$/;

/** A caller's own id follows the request through every log; one that is not sane is replaced. */
function requestIdOf(request: IncomingMessage): string {
  const given = headerOf(request, "x-request-id");
  return given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
}

/** A class, because an object with a getter of its own is made anew by V8 for every request, at a fifth of its cost. */
export class ArrivedRequest implements RequestFacts {
  readonly requestId: string;
  readonly clientAddress: string;
  readonly header: (name: string) => string | undefined;
  rawBody: Buffer | undefined = undefined;
  waitSeconds = 0;
  accepted = JSON_TYPE;
  recheck: () => Promise<void> = async () => {};
  readonly #signal: () => AbortSignal;

  constructor(request: IncomingMessage, known: { clientAddress: string; signal: () => AbortSignal }) {
    this.requestId = requestIdOf(request);
    this.clientAddress = known.clientAddress;
    this.header = (name) => headerOf(request, name);
    this.#signal = known.signal;
  }

  /** Made when somebody asks for it: few requests wait for anything. */
  get signal(): AbortSignal {
    return this.#signal();
  }
}

// Node keeps the first of these and drops the others without a word, while a proxy may have looked at the last.
const ONCE = new Set(["authorization", "content-type", "host"]);

export function assertOneOfEach(request: IncomingMessage): void {
  const { rawHeaders, headers } = request;
  if (rawHeaders.length === 2 * Object.keys(headers).length) return;
  const names = rawHeaders.filter((_text, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const repeated = names.find((name, index) => ONCE.has(name) && names.indexOf(name) !== index);
  if (repeated !== undefined) throw new Problem(malformedRequest, `The header ${repeated} may come once.`);
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}
