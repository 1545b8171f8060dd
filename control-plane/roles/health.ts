// Is a role alive that has no API? It answers /health and /metrics on a port of its own, for whoever watches over it.
import type { Part } from "../../platform/lifecycle.ts";
import type { Logger } from "../../platform/log.ts";
import { unauthorized } from "../http/problems.ts";
import { startApiServer } from "../http/server.ts";

export async function startHealth(options: { host: string; port: number; log: Logger }): Promise<Part> {
  const { part } = await startApiServer({
    ...options,
    routes: [],
    authenticate: { account: refuse, user: refuse, edge: refuse },
    readiness: [],
  });
  return { name: "health", stop: part.stop };
}

async function refuse(): Promise<never> {
  throw unauthorized("Nobody has an account here.");
}
