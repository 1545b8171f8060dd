// The worker: carries the outbox into the queue, compiles what changed, and signs it. The only role with the signing key.
import { type Part, startParts, stopInReverse } from "../../platform/lifecycle.ts";
import type { Logger } from "../../platform/log.ts";
import { createSealOf } from "../../platform/seal.ts";
import { type ControlPlaneConfig, defaultQuotasOf, publicUrlOf } from "../config.ts";
import { alertHandlers } from "../domains/alert/index.ts";
import { authHandlers, signingKeyHandlers } from "../domains/auth/index.ts";
import { expiryHandlers } from "../domains/certificate/index.ts";
import { compilerName, deploymentHandlers } from "../domains/deployment/index.ts";
import {
  cutOffHandler,
  groupPlacementHandler,
  groupVacatedHandler,
  policyChangeHandler,
} from "../domains/distribution/index.ts";
import { announceOver, createFeedSigner, openFeed } from "../domains/feed/index.ts";
import { createPost, mailHandlers } from "../domains/mail/index.ts";
import { createCourier, createSender, notificationHandlers } from "../domains/notification/index.ts";
import { prefetchHandlers } from "../domains/prefetch/index.ts";
import { providerHandlers } from "../domains/provider/index.ts";
import { purgeHandlers } from "../domains/purge/index.ts";
import { createMeasures, createReportQueries, isReconciled, reportHandlers } from "../domains/report/index.ts";
import { closingHandlers, usageHandlers } from "../domains/usage/index.ts";
import { validationHandlers } from "../domains/validation/index.ts";
import { idempotencyHandlers } from "../http/idempotency-jobs.ts";
import { startRelay } from "../jobs/relay.ts";
import { startWorker as startJobWorker } from "../jobs/worker.ts";
import { openAcme } from "./acme.ts";
import { openConnections } from "./connections.ts";
import { openMasterKeys, readFeedSigningKey, readPreviousFeedSigningKey } from "./keys.ts";
import { openMailer } from "./mail.ts";
import { clock } from "./services.ts";
import { openValidation } from "./validation.ts";

export async function startWorker(config: ControlPlaneConfig, log: Logger): Promise<Part> {
  const signer = createFeedSigner(readFeedSigningKey(config), readPreviousFeedSigningKey(config));
  const seal = createSealOf(openMasterKeys(config, log));
  const { db, redis, clickhouse, storage, part } = await openConnections(config, "worker", log, compilerName());
  const announce = announceOver(redis);
  const deployments = deploymentHandlers({
    db,
    signer,
    seal,
    storage,
    clock,
    ownNames: ["localhost", "127.0.0.1", `edge.${config.PLATFORM_ZONE}`],
    announce,
    canary: { settleSeconds: config.CANARY_SETTLE_SECONDS, refusalsMax: config.CANARY_REFUSALS_MAX },
    log,
  });
  const signingKeys = signingKeyHandlers({ db, seal, clock, everyDays: config.SIGNING_KEY_DAYS, log });
  const mailer = openMailer(config, log);
  const validation = openValidation(config, { db, seal, clock });
  const send = createSender({ allowPrivateOrigins: config.ALLOW_PRIVATE_ORIGINS });
  const courier = createCourier({ db, seal, clock, send, log });
  const { precheck } = validation;
  const acme = openAcme(config, { db, signer, seal, clock, announce, precheck, log });
  const measures = createMeasures({ queries: createReportQueries({ clickhouse }), clock });
  const handlers = [
    ...deployments,
    ...acme.handlers,
    ...purgeHandlers({ db, signer, clock, announce }),
    ...prefetchHandlers({ db, signer, clock, announce }),
    ...validationHandlers({ db, signer, clock, announce, log, ...validation }),
    policyChangeHandler({ db }),
    cutOffHandler({ db }),
    groupPlacementHandler({ db }),
    groupVacatedHandler({ db, clock }),
    ...signingKeys,
    ...authHandlers({ db, clock, mailer, publicUrl: publicUrlOf(config) }),
    ...mailHandlers({ mailer, seal }),
    ...notificationHandlers({ db, post: createPost(seal), clock, courier }),
    ...expiryHandlers({ db, clock }),
    ...alertHandlers({ db, measures, publicUrl: publicUrlOf(config), clock, log }),
    ...usageHandlers({ db, clickhouse, defaults: defaultQuotasOf(config), clock, log }),
    ...closingHandlers({
      ...{ db, clickhouse, clock, log },
      isReconciled: (period, signal) => isReconciled({ clickhouse }, period, signal),
    }),
    ...providerHandlers({
      ...{ db, clickhouse, seal, clock, log },
      outgoing: { allowPrivateOrigins: config.ALLOW_PRIVATE_ORIGINS },
    }),
    ...reportHandlers({ clickhouse, log }),
    ...idempotencyHandlers({ db, log }),
  ];
  try {
    await openFeed(db, { signer, now: clock() });
    const { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, WORKER_CONCURRENCY: concurrency } = config;
    const working = await startParts([
      async () => startRelay({ databaseUrl, redisUrl, applicationName: compilerName(), log }),
      () => acme.start(),
      async () => startJobWorker({ db, redisUrl, handlers, concurrency, log }),
      async () => courier.start(),
    ]);
    return { name: "worker", stop: () => stopInReverse([part, working]) };
  } catch (error) {
    await part.stop();
    throw error;
  }
}
