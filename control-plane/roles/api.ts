// The API: customers', operators' and agents' requests. It holds no key that signs what edges run.
import { errorCode, StartError } from "../../platform/embedded/start-error.ts";
import { type Part, stopInReverse } from "../../platform/lifecycle.ts";
import type { Logger } from "../../platform/log.ts";
import type { ControlPlaneConfig } from "../config.ts";
import { accountRoutes, MEMBERSHIPS } from "../domains/account/index.ts";
import { alertRoutes } from "../domains/alert/index.ts";
import {
  API_TOKENS,
  acceptApiTokens,
  apiTokenRoutes,
  type LastUse,
  recordLastUse,
} from "../domains/api-token/index.ts";
import { auditRoutes } from "../domains/audit/index.ts";
import {
  authPages,
  authRoutes,
  createAuthenticators,
  invitationPages,
  operatorRoutes,
  PEOPLE,
  SESSIONS,
} from "../domains/auth/index.ts";
import { cachePolicyRoutes } from "../domains/cache-policy/index.ts";
import { certificateRoutes } from "../domains/certificate/index.ts";
import { deploymentRoutes, rolloutRoutes, waitForDeployments } from "../domains/deployment/index.ts";
import { distributionRoutes, originRoutes, ruleRoutes, versionRoutes } from "../domains/distribution/index.ts";
import {
  createEdgeAuthenticator,
  createStillEnrolled,
  EDGES,
  edgeGroupRoutes,
  edgeNodeRoutes,
} from "../domains/edge-node/index.ts";
import {
  createSharedMemory,
  createSnapshotReader,
  type FeedGateway,
  feedRoutes,
  listenForChanges,
  startFeedGateway,
} from "../domains/feed/index.ts";
import { webhookRoutes } from "../domains/notification/index.ts";
import { prefetchRoutes } from "../domains/prefetch/index.ts";
import { providerRoutes } from "../domains/provider/index.ts";
import { purgeRoutes } from "../domains/purge/index.ts";
import { liveRoutes, reportRoutes, topRoutes } from "../domains/report/index.ts";
import { quotaRoutes, usageRoutes } from "../domains/usage/index.ts";
import { validationRoutes } from "../domains/validation/index.ts";
import type { Route } from "../http/define-route.ts";
import { createRateLimits } from "../http/rate-limits.ts";
import { rememberCallers } from "../http/remember-callers.ts";
import { startApiServer } from "../http/server.ts";
import { meterFailedJobs } from "../jobs/failed-jobs.ts";
import { connectRedis } from "../jobs/queue.ts";
import { type Connections, openConnections } from "./connections.ts";
import { dependenciesOf } from "./dependencies.ts";
import { clock, createServices, type Services } from "./services.ts";

/** A request waits no longer for its place in the count: without Redis this process counts alone. */
const COUNT_TIMEOUT_MS = 250;

export async function startApi(config: ControlPlaneConfig, log: Logger): Promise<Part> {
  const connections = await openConnections(config, "api", log);
  const services = createServices(config, connections, log);
  meterFailedJobs(connections.registry, connections.db, clock);
  const gateway = startFeedGateway({
    ...{ db: connections.db, clock, log },
    claimed: createSharedMemory({ redis: connections.redis, log }),
    assertEnrolled: createStillEnrolled({ db: connections.db, clock, stampOf: connections.cache.watch([EDGES]) }),
  });
  // A connection that listens can do nothing else.
  const subscriber = connectRedis(config.REDIS_URL, log, { maxRetriesPerRequest: null });
  listenForChanges(subscriber, gateway.wake);
  const listening: Part = { name: "feed wake-ups", stop: async () => subscriber.disconnect() };
  const counting = countRequests(config, log);
  const lastUse = recordLastUse({ db: connections.db, clock, log });
  const opened = [connections.part, lastUse.part, listening, counting.part, gateway.part];
  try {
    const { part } = await startApiServer({
      routes: apiRoutes(services, connections, gateway, log),
      pages: [...authPages(services.auth), ...invitationPages(services.invitations)],
      authenticate: {
        ...rememberCallers(authenticateCustomers(services, lastUse), connections.cache.watch(WHO_ASKS)),
        edge: createEdgeAuthenticator({
          ...{ db: connections.db, authority: services.authority, clock },
          stampOf: connections.cache.watch([EDGES]),
        }),
      },
      readiness: dependenciesOf(config, connections),
      trustedProxies: config.TRUSTED_PROXIES,
      corsOrigins: config.CORS_ORIGINS,
      limits: counting.limits,
      registry: connections.registry,
      idempotency: services.idempotency,
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

/** What a caller is made of. */
const WHO_ASKS = [API_TOKENS, MEMBERSHIPS, PEOPLE, SESSIONS];

/** People by their sessions, programs by API tokens. */
function authenticateCustomers({ auth, tokenReads: tokens, memberships }: Services, lastUse: LastUse) {
  const sources = { tokens, memberships, findPerson: auth.findActive };
  return acceptApiTokens(createAuthenticators(auth), { sources, lastUse, clock });
}

/** On a connection of its own, where nothing else stands in line. */
function countRequests(config: ControlPlaneConfig, log: Logger) {
  const redis = connectRedis(config.REDIS_URL, log, { enableOfflineQueue: false, commandTimeout: COUNT_TIMEOUT_MS });
  const part: Part = { name: "rate limits", stop: async () => redis.disconnect() };
  const limits = createRateLimits(
    { redis, log },
    {
      addressPerMinute: config.RATE_LIMIT_PER_MINUTE,
      tokenPerMinute: config.RATE_LIMIT_TOKEN_PER_MINUTE,
      attemptsPerMinute: config.LOGIN_ATTEMPTS_PER_MINUTE,
      banSeconds: config.LOGIN_BAN_SECONDS,
    },
  );
  return { limits, part };
}

export function apiRoutes(
  services: Services,
  { db, storage }: Connections,
  gateway: FeedGateway,
  log: Logger,
): Route[] {
  const untilDeployed = waitForDeployments(db);
  return [
    ...authRoutes(services.auth),
    ...operatorRoutes(services.operators),
    ...accountRoutes({ ...services, clock }),
    ...apiTokenRoutes(services.apiTokens),
    ...auditRoutes({ db }),
    ...distributionRoutes(services.distributions, services.distributionReads, untilDeployed),
    ...originRoutes(services.origins, untilDeployed),
    ...ruleRoutes(services.rules, untilDeployed),
    ...versionRoutes(services.versions, untilDeployed),
    ...validationRoutes(services.validations),
    ...cachePolicyRoutes(services.cachePolicies),
    ...purgeRoutes(services.purges),
    ...prefetchRoutes(services.prefetches),
    ...webhookRoutes(services.webhooks),
    ...alertRoutes({ alerts: services.alerts, clock }),
    ...certificateRoutes(services.certificates),
    ...deploymentRoutes({ db, clock, reports: services.edgeReports, distributions: services.distributions }),
    ...rolloutRoutes(services.rollouts),
    ...feedRoutes({ db, gateway, readSnapshot: createSnapshotReader({ db, storage, log }) }),
    ...edgeGroupRoutes(services.edgeGroups),
    ...edgeNodeRoutes({ db, edgeNodes: services.edgeNodes, clock }),
    ...providerRoutes(services.providers, services.providerLinks),
    ...usageRoutes(services.usage),
    ...quotaRoutes(services.quotas),
    ...reportRoutes({ reports: services.reports, accessLog: services.accessLog }),
    ...topRoutes(services),
    ...liveRoutes(services),
  ];
}
