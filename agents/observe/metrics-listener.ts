// The agent's own small door: /metrics and /health. On loopback unless somebody says otherwise, and never a reason for the
// edge not to start.
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { Registry } from "prom-client";
import type { Part } from "../../platform/lifecycle.ts";
import type { Logger } from "../../platform/log.ts";
import type { Listener } from "../config.ts";
import type { Health } from "./health.ts";

interface Watched {
  readonly registry: Registry;
  readonly health: () => Health;
  readonly log: Logger;
}

/** `undefined`: there is no such door. */
export async function openMetricsListener(listener: Listener | undefined, watched: Watched): Promise<Part> {
  if (listener === undefined) return { name: "metrics", stop: async () => {} };
  const server = createServer((request, response) => {
    answer(request.url ?? "/", response, watched).catch((error: unknown) => {
      watched.log.warn({ error }, "metrics could not be gathered");
      response.destroy();
    });
  });
  server.requestTimeout = 10_000;
  try {
    server.listen(listener.port, listener.host === "*" ? undefined : listener.host);
    await once(server, "listening");
  } catch (error) {
    watched.log.error({ error, listener }, "AGENT_METRICS_ADDRESS cannot be listened on: there are no metrics");
    return { name: "metrics", stop: async () => {} };
  }
  return {
    name: "metrics",
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(url: string, response: ServerResponse, { registry, health }: Watched): Promise<void> {
  if (url === "/metrics") {
    response.setHeader("content-type", registry.contentType).end(await registry.metrics());
    return;
  }
  if (url === "/health") {
    const now = health();
    response.statusCode = now.status === "ok" ? 200 : 503;
    response.setHeader("content-type", "application/json").end(JSON.stringify(now));
    return;
  }
  response.statusCode = 404;
  response.end();
}
