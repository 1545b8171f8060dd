// Which job does what, and what recurs: for the worker and the scheduler role.
import type { Logger } from "../../../platform/log.ts";
import { inTransaction } from "../../database/transaction.ts";
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { every, type Schedule } from "../../jobs/schedule.ts";
import { domainClaimed, findClaim } from "../distribution/index.ts";
import type { AppendSettings } from "../feed/index.ts";
import { createDueLooks } from "./due.ts";
import { lookAtDue, standChallenge } from "./jobs.ts";
import type { ValidationSecrets } from "./secrets.ts";
import { stand } from "./standing-challenge.ts";
import { insertValidation, updateValidation } from "./store.ts";

const DUE_EVERY_MS = 10_000;
/** A new group has it soon: until then nothing that leads there is found to be reachable. */
const STAND_EVERY_MS = 5_000;

export interface ValidationWorkerSettings extends AppendSettings {
  readonly look: { look(name: string, signal: AbortSignal): Promise<unknown> };
  readonly secrets: () => Promise<ValidationSecrets>;
  readonly log: Logger;
}

export function validationHandlers(settings: ValidationWorkerSettings): JobHandler[] {
  const { db, clock, secrets } = settings;
  const due = createDueLooks(settings);
  return [
    handleJob(lookAtDue, (_, signal) => due.run(signal)),
    handleJob(standChallenge, async () => stand(settings, (await secrets()).challenge)),
    handleJob(domainClaimed, async ({ domain_id: id }, signal) => {
      await inTransaction(db, async (tx) => {
        if ((await findClaim(tx, id)) === undefined) return;
        await insertValidation(tx, id, clock());
        await updateValidation(tx, id, { next_check_at: clock() });
      });
      await due.run(signal);
    }),
  ];
}

export const validationSchedules: readonly Schedule[] = [
  every(DUE_EVERY_MS, lookAtDue, {}),
  every(STAND_EVERY_MS, standChallenge, {}),
];
