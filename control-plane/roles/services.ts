// The domains' services, each with what it needs. Commands and roles start from here.
import { randomBytes } from "node:crypto";
import { openPlaces } from "../../agents/contract.ts";
import type { Logger } from "../../platform/log.ts";
import { createSealOf, type Seal } from "../../platform/seal.ts";
import { type ControlPlaneConfig, defaultQuotasOf, publicUrlOf } from "../config.ts";
import type { Database } from "../database/transaction.ts";
import {
  createAccountService,
  createInvitationService,
  createMemberService,
  createMemberships,
} from "../domains/account/index.ts";
import { createAlertService } from "../domains/alert/index.ts";
import { createApiTokenService, createTokenReads } from "../domains/api-token/index.ts";
import { createAuthService, createOperatorService, createSigningKeys, createTokens } from "../domains/auth/index.ts";
import { createCachePolicyService } from "../domains/cache-policy/index.ts";
import { createCertificateService } from "../domains/certificate/index.ts";
import { createEdgeReportService, createRolloutService } from "../domains/deployment/index.ts";
import {
  canonicalDomain,
  countDistributionsOfGroup,
  countDistributionsOfPolicy,
  createDistributionReads,
  createDistributionService,
  createOriginService,
  createRuleService,
  createVersionService,
  findForeignClaim,
} from "../domains/distribution/index.ts";
import {
  countNodes,
  createEdgeAuthority,
  createEdgeGroupService,
  createEdgeNodeService,
  seenSince,
} from "../domains/edge-node/index.ts";
import { deleteUses } from "../domains/edge-secret/index.ts";
import { findFeedKeys } from "../domains/feed/index.ts";
import { createPost } from "../domains/mail/index.ts";
import { createWebhookService } from "../domains/notification/index.ts";
import { createPrefetchService } from "../domains/prefetch/index.ts";
import {
  createProviderLinkService,
  createProviderService,
  type SyncRequest,
  syncProvider,
} from "../domains/provider/index.ts";
import { createPurgeService } from "../domains/purge/index.ts";
import {
  createAccessLogService,
  createLiveService,
  createMeasures,
  createReportQueries,
  createReportService,
  createTopService,
  findLostLines,
} from "../domains/report/index.ts";
import { ensurePlatformSecret } from "../domains/secret/index.ts";
import { createQuotaService, createUsageService } from "../domains/usage/index.ts";
import { createValidationService } from "../domains/validation/index.ts";
import { createBudget } from "../http/budget.ts";
import { createIdempotency } from "../http/idempotency.ts";
import type { Connections } from "./connections.ts";
import { issuerOf } from "./issuer.ts";
import { openMasterKeys } from "./keys.ts";
import { openValidation } from "./validation.ts";

export type Services = ReturnType<typeof createServices>;

export const clock = () => new Date();

export function createServices(config: ControlPlaneConfig, connections: Connections, log: Logger) {
  const { db, cache, clickhouse, redis } = connections;
  const budgets = createBudgets(config, { redis, log });
  const seal = createSealOf(openMasterKeys(config, log));
  const authority = createEdgeAuthority({ db, seal, clock });
  const keys = createSigningKeys({ db, seal, clock, log });
  const memberships = createMemberships({ db, cache });
  const tokens = createTokens({ keys, clock });
  const post = createPost(seal);
  const verifier = { publicUrl: publicUrlOf(config), chainId: config.ETHEREUM_CHAIN_ID };
  const issuer = issuerOf(config, { clock, log });
  const auth = createAuthService({ db, clock, tokens, seal, post, verifier, issuer, cache, memberships });
  const platform = {
    zone: config.PLATFORM_ZONE,
    allowPrivateOrigins: config.ALLOW_PRIVATE_ORIGINS,
    distributionsMax: config.DISTRIBUTIONS_PER_ACCOUNT_MAX,
  };
  const distributions = createDistributionService({ db, clock, seal, platform });
  const reportQueries = createReportQueries({ clickhouse });
  return {
    // Half of the pool, so that what runs in these transactions can read beside them.
    idempotency: createIdempotency({ db, seal, transactionsMax: Math.ceil(config.DATABASE_POOL_MAX / 2) }),
    memberships,
    tokenReads: createTokenReads({ db, cache }),
    auth,
    operators: createOperatorService({ db, clock, sessions: auth.sessions }),
    accounts: createAccountService({ db, clock }),
    members: createMemberService({ db, clock }),
    invitations: createInvitationService({ db, clock, post, publicUrl: publicUrlOf(config) }),
    apiTokens: createApiTokenService({ db, clock, daysMax: config.API_TOKEN_DAYS_MAX }),
    distributions,
    distributionReads: createDistributionReads({ db, cache }),
    origins: createOriginService({ db, clock, seal, platform }, distributions),
    rules: createRuleService({ db, clock, seal }, distributions),
    versions: createVersionService({ db, clock }, distributions),
    purges: createPurgeService({ db, clock, budget: budgets.purges }),
    prefetches: createPrefetchService({ db, clock, budget: budgets.prefetches }),
    providers: createProviderService({
      ...{ db, seal, clock, policy: platform },
      countEdges: (now) => countNodes(db, seenSince(now)),
    }),
    providerLinks: createProviderLinkService({ db, clock }),
    syncProvider: (request: SyncRequest, signal: AbortSignal) =>
      syncProvider({ db, clickhouse, seal, clock, outgoing: platform }, request, signal),
    webhooks: createWebhookService({ db, clock, seal, policy: platform }),
    alerts: createAlertService({ db, clock, publicUrl: publicUrlOf(config) }),
    certificates: createCertificateService({
      ...{ db, clock, seal, canonicalName: (text) => canonicalDomain(text, platform.zone) },
      isServedForAnother: async (reads, name) => (await findForeignClaim(reads, name)) !== undefined,
    }),
    cachePolicies: createCachePolicyService({ db, clock, countUses: countDistributionsOfPolicy }),
    validations: createValidationService({ db, clock, ...openValidation(config, { db, seal, clock }) }),
    authority,
    edgeGroups: createEdgeGroupService({ db, clock, countUses: countDistributionsOfGroup, forgetSecrets: deleteUses }),
    edgeNodes: createEdgeNodeService({ db, authority, clock, feedKeys: findFeedKeys }),
    rollouts: createRolloutService({ db }),
    edgeReports: createEdgeReportService({ db, clock }),
    reportQueries,
    measures: createMeasures({ queries: reportQueries, clock }),
    reports: createReportService({
      queries: reportQueries,
      lostLines: (period, scope) => findLostLines(db, period, scope),
      ...{ distributions, clock },
    }),
    tops: createTopService({ queries: reportQueries, distributions, clock }),
    live: createLiveService({ clickhouse, distributions, clock, log }),
    usage: createUsageService({ db, clickhouse, queries: reportQueries, clock }),
    quotas: createQuotaService({
      ...{ db, clickhouse, queries: reportQueries, clock },
      defaults: defaultQuotasOf(config),
    }),
    accessLog: createAccessLogService({
      ...{ db, clickhouse, clock, log },
      hashKey: () => clientHashKey(db, seal),
      findPlace: openPlaces(config),
    }),
  };
}

/** What one account may ask of all edges. */
function createBudgets(config: ControlPlaneConfig, connected: Parameters<typeof createBudget>[0]) {
  const { PURGE_ITEMS_PER_MINUTE: items, PREFETCH_URLS_PER_MINUTE: urls } = config;
  const purged = "URLs, prefixes and tags purged";
  return {
    purges: createBudget(connected, { name: "purge-items", perMinute: items, things: purged }),
    prefetches: createBudget(connected, { name: "prefetch-urls", perMinute: urls, things: "URLs prefetched" }),
  };
}

/** Makes viewers' addresses nameless in the access log. */
async function clientHashKey(db: Database, seal: Seal): Promise<Buffer> {
  const make = () => randomBytes(32).toString("hex");
  return Buffer.from(await ensurePlatformSecret(db, seal, { name: "client-hash", make }), "hex");
}
