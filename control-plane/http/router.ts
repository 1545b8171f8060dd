// Finds the route of a request and runs it: authorise, read, check, handle, answer.
import Router from "@koa/router";
import type Koa from "koa";
import { withLogContext } from "../../platform/log.ts";
import { Problem } from "../../platform/problem.ts";
import type { Admission, Arrival } from "./admission.ts";
import { callerIds } from "./authorize.ts";
import type { Route } from "./define-route.ts";
import { parseParts } from "./parse-request.ts";
import { notFound, wrongMethod } from "./problems.ts";
import { rateLimitHeaders } from "./rate-limits.ts";
import { assertContentType, readBody, readJson } from "./read-body.ts";
import type { ApiContext, ApiState } from "./request-log.ts";
import { sendReply } from "./send-reply.ts";
import { pathParameters, servedPath } from "./served-path.ts";

export function routeRequests(app: Koa<ApiState>, routes: readonly Route[], admission: Admission): void {
  assertDistinct(routes);
  const router = new Router<ApiState>({ sensitive: true, strict: true });
  for (const route of routes) {
    const path = servedPath(route.path).replaceAll(/\{(\w+)\}/g, ":$1");
    router.register(path, [route.method], (context: ApiContext) => runRoute(route, context, admission));
  }
  app.use(router.routes());
  app.use(async (context) => {
    // OPTIONS is answered from memory, and a browser asks it of itself.
    if (context.method !== "OPTIONS") await admission.admitUnrouted(arrivalOf(context));
    answerUnrouted(context, routes);
  });
}

function arrivalOf(context: ApiContext): Arrival {
  return { facts: context.state.facts, tell: (standing) => context.set(rateLimitHeaders(standing)) };
}

async function runRoute(route: Route, context: ApiContext, admission: Admission): Promise<void> {
  const { facts } = context.state;
  context.state.route = servedPath(route.path);
  const caller = await admission.admit(route, arrivalOf(context));
  context.state.callerIds = callerIds(caller);
  await withLogContext(context.state.callerIds, async () => {
    const { body, rawBody } = await readDeclaredBody(route, context);
    const bodySchema = route.body === undefined || "raw" in route.body ? undefined : route.body;
    const parsed = parseParts(
      { params: route.params, query: route.query, body: bodySchema },
      { params: context.params, query: context.query, body },
    );
    const reply = await route.run({ ...parsed, caller, facts: { ...facts, rawBody } });
    sendReply(context, route, reply);
  });
}

async function readDeclaredBody(
  route: Route,
  context: ApiContext,
): Promise<{ body: unknown; rawBody: Buffer | undefined }> {
  if (route.body === undefined) return { body: undefined, rawBody: undefined };
  if (!("raw" in route.body)) return { body: await readJson(context.req), rawBody: undefined };
  assertContentType(context.req.headers["content-type"], route.body.raw);
  return { body: undefined, rawBody: await readBody(context.req, route.body.bytesMax) };
}

/** The path exists with other methods, or not at all. */
function answerUnrouted(context: ApiContext, routes: readonly Route[]): void {
  const methods = routes.filter((route) => matches(route, context.path)).map((route) => route.method);
  if (methods.length === 0) throw notFound("There is nothing at this path.");
  const allow = [...new Set(methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])))].join(", ");
  if (context.method !== "OPTIONS") {
    throw new Problem(wrongMethod, `This path has ${allow}.`, { headers: { allow } });
  }
  context.status = 204;
  context.set("allow", allow);
}

function matches(route: Route, path: string): boolean {
  const declared = servedPath(route.path).split("/");
  const asked = path.split("/");
  return (
    declared.length === asked.length &&
    declared.every((step, index) => (step.startsWith("{") ? asked[index] !== "" : step === asked[index]))
  );
}

/** Faults of the declarations, found at the start of the process instead of by a client. */
function assertDistinct(routes: readonly Route[]): void {
  const seen = new Set<string>();
  for (const route of routes) {
    for (const name of [`${route.method} ${servedPath(route.path)}`, `operation ${route.operationId}`]) {
      if (seen.has(name)) throw new Error(`two routes are declared as ${name}`);
      seen.add(name);
    }
    const inPath = pathParameters(route.path).sort().join();
    const declared = Object.keys(route.params.shape).sort().join();
    if (inPath !== declared)
      throw new Error(`${route.operationId}: its path has {${inPath}}, its params {${declared}}`);
  }
}
