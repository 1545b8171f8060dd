// The API's HTTP server: routes in, a URL out, and an end that lets running requests finish.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import Koa from "koa";
import type { Part } from "../../platform/lifecycle.ts";
import type { Logger } from "../../platform/log.ts";
import { createAdmission } from "./admission.ts";
import type { Authentication } from "./authorize.ts";
import { createClients } from "./client-address.ts";
import { allowOrigins } from "./cors.ts";
import type { Route } from "./define-route.ts";
import { docsRoutes } from "./docs-page.ts";
import type { Dependency } from "./health.ts";
import type { Idempotency } from "./idempotency.ts";
import { createMetricsRegistry, createRequestMetrics, type MetricsRegistry } from "./metrics.ts";
import { withPlatformRoutes } from "./platform-routes.ts";
import type { RateLimits } from "./rate-limits.ts";
import { type ApiState, logRequests } from "./request-log.ts";
import { routeRequests } from "./router.ts";
import { createRunningRequests, type RunningRequests } from "./running-requests.ts";
import { answerUnreadable } from "./unreadable.ts";

export type { Authentication } from "./authorize.ts";
export type { Dependency } from "./health.ts";

// Slow senders: the headers within 15 s, the whole request within 60 s. Long polls are slow to answer, not to ask.
const HEADERS_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 60_000;
// Longer than the idle time-outs of common load balancers (60 s), or they reuse a connection that is just closing.
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const CONNECTIONS_MAX = 10_000;
const DRAIN_TIMEOUT_MS = 10_000;

export interface ApiServerOptions {
  readonly routes: readonly Route[];
  /** What people open in a browser: no part of the API's description. */
  readonly pages?: readonly Route[];
  readonly authenticate: Authentication;
  readonly readiness: readonly Dependency[];
  /** As TRUSTED_PROXIES names them; none: X-Forwarded-For counts for nothing. */
  readonly trustedProxies?: readonly string[];
  /** As CORS_ORIGINS names them. */
  readonly corsOrigins?: readonly string[];
  /** None: nothing is counted. */
  readonly limits?: RateLimits;
  /** None: an Idempotency-Key is not heeded. */
  readonly idempotency?: Idempotency;
  /** What /metrics tells beside the requests; none: a new one. */
  readonly registry?: MetricsRegistry;
  readonly log: Logger;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

export async function startApiServer(options: ApiServerOptions): Promise<{ url: string; part: Part }> {
  const { routes, authenticate, readiness, log, host, port } = options;
  const clients = createClients(options.trustedProxies ?? []);
  const admission = createAdmission(authenticate, options.limits);
  const cors = allowOrigins(options.corsOrigins ?? []);
  const registry = options.registry ?? createMetricsRegistry();
  const running = createRunningRequests();
  const app = new Koa<ApiState>();
  // What reaches Koa itself happened while sending the answer: the client went away.
  app.on("error", (error: unknown) => log.debug({ error }, "answer was not sent to its end"));
  app.use(logRequests({ log, metrics: createRequestMetrics(registry), clients, begin: running.begin }));
  if (cors !== undefined) app.use(cors);
  const described = withPlatformRoutes(routes, { readiness, registry });
  routeRequests(app, [...described, ...docsRoutes(), ...(options.pages ?? [])], {
    admission,
    idempotency: options.idempotency,
    log,
  });
  const server = createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS },
    app.callback(),
  );
  server.on("connection", running.track);
  server.on("clientError", (error, socket) => answerUnreadable(error, socket, running.isRunning(socket)));
  server.maxConnections = CONNECTIONS_MAX;
  server.listen(port, host);
  await once(server, "listening");
  return { url: urlOf(server, host), part: { name: "API server", stop: () => drain(server, running) } };
}

/** No new connections; long polls answer what they have; what still runs at the deadline is cut off. */
async function drain(server: Server, running: RunningRequests): Promise<void> {
  const closed = once(server, "close");
  server.close();
  running.end();
  const deadline = setTimeout(() => server.closeAllConnections(), DRAIN_TIMEOUT_MS);
  await closed;
  clearTimeout(deadline);
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the API server has no port");
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${address.port}`;
}
