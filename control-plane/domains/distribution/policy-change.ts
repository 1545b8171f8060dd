// When the rules of a cache policy change, every distribution that uses it is deployed anew, a page at a time.
import { type Database, inTransaction } from "../../database/transaction.ts";
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { cachePolicyChanged } from "../cache-policy/index.ts";
import { distributionChanged } from "./jobs.ts";
import { lockDistributionsOfPolicy, updateDistribution } from "./store.ts";

const PAGE = 100;

/** `pageSize` is for tests. */
export function policyChangeHandler({ db, pageSize = PAGE }: { db: Database; pageSize?: number }): JobHandler {
  return handleJob(cachePolicyChanged, ({ cache_policy_id: policyId, after }) =>
    // A page and the job of the next one are one transaction: killed anywhere, it goes on where it was.
    inTransaction(db, async (tx) => {
      const ids = await lockDistributionsOfPolicy(tx, policyId, { after, limit: pageSize });
      for (const id of ids) {
        // The version alone: what was compiled before is known to be old.
        await updateDistribution(tx, id, {});
        await enqueueJob(tx, distributionChanged, { distribution_id: id });
      }
      const last = ids.at(-1);
      if (last === undefined || ids.length < pageSize) return;
      await enqueueJob(tx, cachePolicyChanged, { cache_policy_id: policyId, after: last });
    }),
  );
}
