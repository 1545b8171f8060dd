// The scheduler tells the queue what recurs; workers do it.
import type { Part } from "../../platform/lifecycle.ts";
import type { Logger } from "../../platform/log.ts";
import type { ControlPlaneConfig } from "../config.ts";
import { acmeSchedules } from "../domains/acme/index.ts";
import { alertSchedules } from "../domains/alert/index.ts";
import { authSchedules, signingKeySchedules } from "../domains/auth/index.ts";
import { expirySchedules } from "../domains/certificate/index.ts";
import { deploymentSchedules } from "../domains/deployment/index.ts";
import { notificationSchedules } from "../domains/notification/index.ts";
import { prefetchSchedules } from "../domains/prefetch/index.ts";
import { providerSchedules } from "../domains/provider/index.ts";
import { purgeSchedules } from "../domains/purge/index.ts";
import { reportSchedules } from "../domains/report/index.ts";
import { closingSchedules, usageSchedules } from "../domains/usage/index.ts";
import { validationSchedules } from "../domains/validation/index.ts";
import { idempotencySchedules } from "../http/idempotency-jobs.ts";
import { startScheduler as startJobScheduler } from "../jobs/schedule.ts";

export async function startScheduler(config: ControlPlaneConfig, log: Logger): Promise<Part> {
  return startJobScheduler({
    redisUrl: config.REDIS_URL,
    schedules: [
      ...deploymentSchedules,
      ...purgeSchedules,
      ...prefetchSchedules,
      ...notificationSchedules,
      ...alertSchedules,
      ...expirySchedules,
      ...signingKeySchedules,
      ...authSchedules,
      ...validationSchedules,
      ...providerSchedules,
      ...usageSchedules,
      ...closingSchedules,
      ...reportSchedules,
      ...acmeSchedules,
      ...idempotencySchedules,
    ],
    log,
  });
}
