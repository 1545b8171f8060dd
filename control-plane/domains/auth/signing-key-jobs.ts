// What recurs for the key set: for the worker and the scheduler role.
import { z } from "zod";
import type { Logger } from "../../../platform/log.ts";
import type { Seal } from "../../../platform/seal.ts";
import type { Database } from "../../database/transaction.ts";
import { defineJob, handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { every, type Schedule } from "../../jobs/schedule.ts";
import { rotateSigningKeys } from "./signing-keys.ts";

const LOOK_EVERY_MS = 60 * 60_000;
const DAY_MS = 24 * 60 * 60_000;

const rotate = defineJob({ name: "auth.rotate-signing-keys", payload: z.object({}), attempts: 1 });

export const signingKeySchedules: readonly Schedule[] = [every(LOOK_EVERY_MS, rotate, {})];

export function signingKeyHandlers(settings: {
  readonly db: Database;
  readonly seal: Seal;
  readonly clock: () => Date;
  /** From one key to the next. */
  readonly everyDays: number;
  readonly log: Logger;
}): JobHandler[] {
  const { db, seal, clock, everyDays, log } = settings;
  return [
    handleJob(rotate, async () => {
      const { added, deleted } = await rotateSigningKeys({ db, seal, clock }, everyDays * DAY_MS);
      if (added + deleted > 0) log.info({ added, deleted }, "signing keys rotated");
    }),
  ];
}
