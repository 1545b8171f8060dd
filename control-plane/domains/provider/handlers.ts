// Which job does what, and what recurs: for the worker and the scheduler role.
import type { Logger } from "../../../platform/log.ts";
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { every, type Schedule } from "../../jobs/schedule.ts";
import { checkHealth } from "./check.ts";
import { checkProvider, checkProviders, syncProviders } from "./jobs.ts";
import { providerNames } from "./statistics.ts";
import { type SyncSettings, syncProvider } from "./sync.ts";

const MINUTE_MS = 60 * 1000;
const CHECK_EVERY_MS = 5 * MINUTE_MS;
const SYNC_EVERY_MS = 15 * MINUTE_MS;

export function providerHandlers(settings: SyncSettings & { readonly log: Logger }): JobHandler[] {
  return [
    handleJob(checkProvider, ({ provider }, signal) => checkHealth(settings, provider, signal)),
    handleJob(checkProviders, async (_, signal) => {
      await allOf(providerNames.map((provider) => checkHealth(settings, provider, signal)));
    }),
    handleJob(syncProviders, async (_, signal) => {
      await allOf(providerNames.map((provider) => syncOne(settings, provider, signal)));
    }),
  ];
}

export const providerSchedules: readonly Schedule[] = [
  every(CHECK_EVERY_MS, checkProviders, {}),
  every(SYNC_EVERY_MS, syncProviders, {}),
];

async function syncOne(
  settings: SyncSettings & { readonly log: Logger },
  provider: (typeof providerNames)[number],
  signal: AbortSignal,
): Promise<void> {
  const { outcome, error, left_out: leftOut, points } = await syncProvider(settings, { provider }, signal);
  if (outcome !== "partly" && outcome !== "failed") return;
  const fields = { provider, points, fault: error, left_out: leftOut.length };
  settings.log.warn(fields, "a provider's statistics could not all be taken over");
}

/** What fails for one is not the other's. */
async function allOf(works: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(works)).find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
