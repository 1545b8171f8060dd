// The domains' services, each with what it needs. Commands and roles start from here.
import type { Logger } from "../../platform/log.ts";
import { createSeal } from "../../platform/seal.ts";
import type { ControlPlaneConfig } from "../config.ts";
import { createAuthService, createSigningKeys, createTokens } from "../domains/auth/index.ts";
import { createEdgeReportService } from "../domains/deployment/index.ts";
import { createDistributionService } from "../domains/distribution/index.ts";
import { createEdgeAuthority, createEdgeNodeService } from "../domains/edge-node/index.ts";
import { findFeedKeys } from "../domains/feed/index.ts";
import { createAccessLogService, createReportService } from "../domains/report/index.ts";
import type { Connections } from "./connections.ts";
import { readMasterKey } from "./keys.ts";

export type Services = ReturnType<typeof createServices>;

export const clock = () => new Date();

export function createServices(config: ControlPlaneConfig, { db, clickhouse }: Connections, log: Logger) {
  const masterKey = readMasterKey(config);
  const seal = createSeal(masterKey);
  const authority = createEdgeAuthority({ db, seal, clock });
  const keys = createSigningKeys({ db, seal, clock, log });
  const distributions = createDistributionService({
    db,
    clock,
    platform: { zone: config.PLATFORM_ZONE, allowPrivateOrigins: config.ALLOW_PRIVATE_ORIGINS },
  });
  return {
    auth: createAuthService({ db, clock, tokens: createTokens({ keys, clock }) }),
    distributions,
    authority,
    edgeNodes: createEdgeNodeService({ db, authority, clock, feedKeys: findFeedKeys }),
    edgeReports: createEdgeReportService({ db, clock }),
    reports: createReportService({ clickhouse, distributions, clock }),
    accessLog: createAccessLogService({ clickhouse, clock, masterKey, log }),
  };
}
