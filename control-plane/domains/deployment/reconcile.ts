// The safety net: changes whose job was lost on its way get another one.
import type { Logger } from "../../../platform/log.ts";
import { type Database, inTransaction } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { distributionChanged } from "../distribution/index.ts";
import { edgeGroupChanged } from "../edge-node/index.ts";
import { findForgottenDistributions, findForgottenGroups } from "./read-model.ts";

/** Younger changes are still under way. */
const AGE_MIN_MS = 30_000;
const PER_RUN_MAX = 500;

export async function reconcile({ db, now, log }: { db: Database; now: Date; log: Logger }): Promise<void> {
  const before = new Date(now.getTime() - AGE_MIN_MS);
  const distributions = await findForgottenDistributions(db, before, PER_RUN_MAX);
  const groups = await findForgottenGroups(db, before);
  if (distributions.length === 0 && groups.length === 0) return;
  log.warn({ distributions: distributions.length, groups: groups.length }, "changes had no job and get one");
  await inTransaction(db, async (tx) => {
    for (const id of distributions) await enqueueJob(tx, distributionChanged, { distribution_id: id });
    for (const id of groups) await enqueueJob(tx, edgeGroupChanged, { group_id: id });
  });
}
