// The routes that every API process has, whatever its domains: health, metrics, and the API's own description.
import type { Route } from "./define-route.ts";
import { defineRoute } from "./define-route.ts";
import { type Dependency, healthRoutes } from "./health.ts";
import { createMetricsRegistry, type MetricsRegistry, metricsRoute } from "./metrics.ts";
import { describeRoutes, type OpenApiDocument } from "./openapi/document.ts";

/** The domains' routes with the platform's beside them. */
export function withPlatformRoutes(
  routes: readonly Route[],
  platform: { readiness: readonly Dependency[]; registry: MetricsRegistry },
): Route[] {
  const all = [...routes, ...healthRoutes(platform.readiness), metricsRoute(platform.registry)];
  const own = openApiRoute(() => {
    document ??= JSON.stringify(describeRoutes([...all, own]));
    return document;
  });
  let document: string | undefined;
  return [...all, own];
}

/** What `GET /api/v1/openapi.json` answers, and what docs/openapi.json holds. */
export function openApiDocument(routes: readonly Route[]): OpenApiDocument {
  return describeRoutes(withPlatformRoutes(routes, { readiness: [], registry: createMetricsRegistry() }));
}

function openApiRoute(document: () => string): Route {
  return defineRoute({
    method: "GET",
    path: "/openapi.json",
    operationId: "getOpenApiDocument",
    tag: "Operation",
    summary: "This description",
    access: { kind: "public" },
    reply: { status: 200, raw: "application/json" },
    handle: async () => ({ body: document() }),
  });
}
