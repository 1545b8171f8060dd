// When the rules of a cache policy change, every distribution that uses it is deployed anew.
import { type Database, inTransaction } from "../../database/transaction.ts";
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { cachePolicyChanged } from "../cache-policy/index.ts";
import { REDEPLOYED_AT_ONCE, redeployPage } from "./redeploy.ts";

/** `pageSize` is for tests. */
export function policyChangeHandler(settings: { db: Database; pageSize?: number }): JobHandler {
  const { db, pageSize: limit = REDEPLOYED_AT_ONCE } = settings;
  return handleJob(cachePolicyChanged, ({ cache_policy_id: id, after }) =>
    inTransaction(db, async (tx) => {
      const next = await redeployPage(tx, { kind: "cache policy", id }, { after, limit });
      if (next !== undefined) await enqueueJob(tx, cachePolicyChanged, { cache_policy_id: id, after: next });
    }),
  );
}
