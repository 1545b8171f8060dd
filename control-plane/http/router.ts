// Finds the route of a request, or says that there is none.
import Router from "@koa/router";
import type Koa from "koa";
import { Problem } from "../../platform/problem.ts";
import type { Route } from "./define-route.ts";
import { notFound, wrongMethod } from "./problems.ts";
import type { ApiContext, ApiState } from "./request-log.ts";
import { arrivalOf, createRun, type RunSettings } from "./run-route.ts";
import { pathParameters, servedPath } from "./served-path.ts";

export function routeRequests(app: Koa<ApiState>, routes: readonly Route[], settings: RunSettings): void {
  assertDistinct(routes);
  const router = new Router<ApiState>({ sensitive: true, strict: true });
  for (const route of routes) {
    const path = servedPath(route.path).replaceAll(/\{(\w+)\}/g, ":$1");
    router.register(path, [route.method], createRun(route, settings));
  }
  app.use(router.routes());
  app.use(async (context) => {
    // OPTIONS is answered from memory, and browsers ask it of themselves.
    if (context.method !== "OPTIONS") await settings.admission.admitUnrouted(arrivalOf(context));
    answerUnrouted(context, routes);
  });
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
