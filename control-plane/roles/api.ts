// The API: customers', operators' and agents' requests. It holds no key that signs what edges run.
import { errorCode, StartError } from "../../platform/embedded/start-error.ts";
import { type Part, stopInReverse } from "../../platform/lifecycle.ts";
import type { Logger } from "../../platform/log.ts";
import type { ControlPlaneConfig } from "../config.ts";
import { authRoutes, createAuthenticators } from "../domains/auth/index.ts";
import { deploymentRoutes } from "../domains/deployment/index.ts";
import { distributionRoutes } from "../domains/distribution/index.ts";
import { createEdgeAuthenticator, edgeNodeRoutes } from "../domains/edge-node/index.ts";
import {
  createSnapshotReader,
  type FeedGateway,
  feedRoutes,
  listenForChanges,
  startFeedGateway,
} from "../domains/feed/index.ts";
import { reportRoutes } from "../domains/report/index.ts";
import type { Route } from "../http/define-route.ts";
import { startApiServer } from "../http/server.ts";
import { connectRedis } from "../jobs/queue.ts";
import { type Connections, openConnections } from "./connections.ts";
import { dependenciesOf } from "./dependencies.ts";
import { clock, createServices, type Services } from "./services.ts";

export async function startApi(config: ControlPlaneConfig, log: Logger): Promise<Part> {
  const connections = await openConnections(config, "api", log);
  const services = createServices(config, connections, log);
  const gateway = startFeedGateway({ db: connections.db, clock, log });
  // A connection that listens can do nothing else.
  const subscriber = connectRedis(config.REDIS_URL, log, { maxRetriesPerRequest: null });
  listenForChanges(subscriber, gateway.wake);
  const listening: Part = { name: "feed wake-ups", stop: async () => subscriber.disconnect() };
  const opened = [connections.part, listening, gateway.part];
  try {
    const { part } = await startApiServer({
      routes: apiRoutes(services, connections, gateway, log),
      authenticate: {
        ...createAuthenticators(services.auth),
        edge: createEdgeAuthenticator({ db: connections.db, authority: services.authority, clock }),
      },
      readiness: dependenciesOf(config, connections),
      trustedProxies: config.TRUSTED_PROXIES,
      corsOrigins: config.CORS_ORIGINS,
      log,
      host: config.LISTEN_HOST,
      port: config.API_PORT,
    });
    return { name: "api", stop: () => stopInReverse([...opened, part]) };
  } catch (error) {
    await stopInReverse(opened);
    if (errorCode(error) !== "EADDRINUSE") throw error;
    const fault = `Port ${config.API_PORT} is taken: stop what listens there, or set API_PORT to another port.`;
    throw new StartError(fault, { cause: error });
  }
}

export function apiRoutes(
  services: Services,
  { db, storage }: Connections,
  gateway: FeedGateway,
  log: Logger,
): Route[] {
  return [
    ...authRoutes(services.auth),
    ...distributionRoutes(services.distributions),
    ...deploymentRoutes({ db, clock, reports: services.edgeReports, distributions: services.distributions }),
    ...feedRoutes({ db, gateway, readSnapshot: createSnapshotReader({ db, storage, log }) }),
    ...edgeNodeRoutes({ db, edgeNodes: services.edgeNodes }),
    ...reportRoutes({ reports: services.reports, accessLog: services.accessLog }),
  ];
}
