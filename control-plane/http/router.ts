// Finds the route of a request and runs it, or says that there is none.
import type Koa from "koa";
import { Problem } from "../../platform/problem.ts";
import type { Route } from "./define-route.ts";
import { notFound, wrongMethod } from "./problems.ts";
import type { ApiContext, ApiState } from "./request-log.ts";
import { createRouteTable } from "./route-table.ts";
import { arrivalOf, createRun, type RunSettings } from "./run-route.ts";

export function routeRequests(app: Koa<ApiState>, routes: readonly Route[], settings: RunSettings): void {
  const table = createRouteTable(routes, (route) => createRun(route, settings));
  app.use((context) => {
    const match = table.find(context.method, context.path);
    if (match === undefined) return answerUnrouted(context, table.methodsAt(context.path), settings);
    return match.entry(context, match.params);
  });
}

/** The path exists with other methods, or not at all. */
async function answerUnrouted(context: ApiContext, methods: readonly string[], settings: RunSettings): Promise<void> {
  // OPTIONS is answered from memory, and browsers ask it of themselves.
  if (context.method !== "OPTIONS") await settings.admission.admitUnrouted(arrivalOf(context));
  if (methods.length === 0) throw notFound("There is nothing at this path.");
  const allow = methods.join(", ");
  if (context.method !== "OPTIONS") {
    throw new Problem(wrongMethod, `This path has ${allow}.`, { headers: { allow } });
  }
  context.status = 204;
  context.set("allow", allow);
}
