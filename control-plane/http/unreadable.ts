// What cannot be read as HTTP reaches no route: it is answered here, in the form that all problems have, and cut off.
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { defineProblem, Problem } from "../../platform/problem.ts";
import { malformedRequest } from "./problems.ts";
import { PROBLEM_TYPE } from "./render-problem.ts";

const headersTooLarge = defineProblem("headers-too-large", 431, "The headers are too large");
const tooSlow = defineProblem("request-timeout", 408, "The request did not come to its end");

/** As Node names what its parser and its clocks found. */
const PROBLEMS = new Map([
  ["HPE_HEADER_OVERFLOW", new Problem(headersTooLarge, "All headers together may have 16 KiB.")],
  ["ERR_HTTP_REQUEST_TIMEOUT", new Problem(tooSlow, "Send headers within 15 s and the whole request within 60 s.")],
]);
const MALFORMED = new Problem(malformedRequest, "This is not HTTP.");

/** `isAnswering`: another request of the connection is being answered, so that nothing may be written in between. */
export function answerUnreadable(error: Error & { code?: string }, socket: Duplex, isAnswering: boolean): void {
  if (isAnswering || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = PROBLEMS.get(error.code ?? "") ?? MALFORMED;
  const { status } = problem.kind;
  const body = JSON.stringify(problem.body());
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}
