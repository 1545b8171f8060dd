// The outermost layer of a request: its id, its log line, its metrics, headers that every answer has, and the one place
// where errors become problems.
import type { ServerResponse } from "node:http";
import type { Middleware, ParameterizedContext } from "koa";
import type { Logger } from "../../platform/log.ts";
import { Problem } from "../../platform/problem.ts";
import type { Clients } from "./client-address.ts";
import type { RequestMetrics } from "./metrics.ts";
import { defect, stopping } from "./problems.ts";
import { PROBLEM_TYPE, problemInstance, problemOf } from "./render-problem.ts";
import { ArrivedRequest } from "./request-facts.ts";
import { setSecureHeaders } from "./secure-headers.ts";

export interface ApiState {
  facts: ArrivedRequest;
  /** The declared path, once the router has found one. */
  route: string;
  /** Who asks, once that is known. */
  callerIds: Readonly<Record<string, string>>;
}
export type ApiContext = ParameterizedContext<ApiState>;

// Asked every few seconds by whoever watches the process.
const QUIET_ROUTES = new Set(["/health", "/ready", "/metrics"]);
/** Not sent, since nobody is there to read it: what the log says of a request whose client went away. */
const CLIENT_GONE = 499;

export function logRequests(options: {
  log: Logger;
  metrics: RequestMetrics;
  clients: Clients;
  /** Answers who makes the request's signal: aborted when the client goes away or the server stops. */
  begin: (response: ServerResponse) => () => AbortSignal;
}): Middleware<ApiState> {
  const { log, metrics, clients, begin } = options;
  return async (context, next) => {
    const startedAt = performance.now();
    const facts = new ArrivedRequest(context.req, {
      clientAddress: clients.addressOf(context.req),
      signal: begin(context.res),
    });
    const { requestId } = facts;
    context.state = { facts, route: "unrouted", callerIds: {} };
    setSecureHeaders(context.res, { isSecure: clients.isSecure(context.req) });
    context.res.setHeader("x-request-id", requestId);
    const outcome = await next().then(
      () => context.status,
      (error: unknown) => answerError(context, error, log),
    );
    const seconds = (performance.now() - startedAt) / 1000;
    metrics.observe({ method: context.method, route: context.state.route, status: outcome, seconds });
    logLine(context, outcome, seconds, log);
  };
}

/** Answers the problem and returns the status for the log. */
function answerError(context: ApiContext, error: unknown, log: Logger): number {
  const { facts } = context.state;
  if (context.res.destroyed) return CLIENT_GONE;
  const problem = facts.signal.aborted && !(error instanceof Problem) ? stopping(error) : problemOf(error);
  logProblem(problem, idsOf(context), log);
  // Headers that the handler had set belong to the answer that did not come about.
  for (const name of ["etag", "content-encoding", "content-length", "last-modified"]) context.remove(name);
  context.status = problem.kind.status;
  context.set({ ...problem.headers, "cache-control": "no-store" });
  context.set("content-type", PROBLEM_TYPE);
  context.body = JSON.stringify(problem.body(problemInstance(facts.requestId)));
  return problem.kind.status;
}

function logProblem(problem: Problem, ids: Readonly<Record<string, string>>, log: Logger): void {
  const error = problem.cause ?? problem;
  if (problem.kind === defect) log.error({ ...ids, error }, "request failed by a defect");
  else if (problem.kind.status >= 500)
    log.warn({ ...ids, error, detail: problem.detail }, "request could not be served now");
}

/** The line of a request says them itself: it may be one that opened no log context. */
function idsOf({ state }: ApiContext): Readonly<Record<string, string>> {
  return { request_id: state.facts.requestId, ...state.callerIds };
}

function logLine(context: ApiContext, status: number, seconds: number, log: Logger): void {
  const { facts, route } = context.state;
  const line = {
    ...idsOf(context),
    method: context.method,
    // The path alone: a query may carry what no log should.
    path: context.path,
    route,
    status,
    ms: Math.round(seconds * 10_000) / 10,
    client: facts.clientAddress,
  };
  if (QUIET_ROUTES.has(route)) log.debug(line, "request");
  else log.info(line, "request");
}
