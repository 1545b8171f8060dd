// What Prometheus reads: the process and its requests.
import { collectDefaultMetrics, Histogram, Registry } from "prom-client";
import { defineRoute, type Route } from "./define-route.ts";

export type MetricsRegistry = Registry;

export interface RequestMetrics {
  /** `route` is the declared path, never the requested one: the number of series stays bounded. */
  observe(request: { method: string; route: string; status: number; seconds: number }): void;
}

export function createMetricsRegistry(): MetricsRegistry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

export function createRequestMetrics(registry: MetricsRegistry): RequestMetrics {
  const duration = new Histogram({
    name: "edgewright_http_request_duration_seconds",
    help: "Duration of API requests, by declared route",
    labelNames: ["method", "route", "status"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  });
  return {
    observe: ({ method, route, status, seconds }) => duration.observe({ method, route, status }, seconds),
  };
}

export function metricsRoute(registry: MetricsRegistry): Route {
  return defineRoute({
    method: "GET",
    path: "/metrics",
    operationId: "getMetrics",
    tag: "Operation",
    summary: "Metrics for Prometheus",
    access: { kind: "public" },
    unlimited: true,
    reply: { status: 200, raw: registry.contentType },
    handle: async () => ({ body: await registry.metrics() }),
  });
}
