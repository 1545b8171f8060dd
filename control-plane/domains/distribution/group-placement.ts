// When an edge group gets another parent, what is kept to the group is to be on that parent's edges too, and on the former
// one's no more: every such distribution is deployed anew, a page at a time.
import { type Database, inTransaction } from "../../database/transaction.ts";
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { edgeGroupPlaced } from "../edge-node/index.ts";
import { distributionChanged } from "./jobs.ts";
import { lockDistributionsOfGroup, updateDistribution } from "./store.ts";

const PAGE = 100;

export function groupPlacementHandler({ db }: { db: Database }): JobHandler {
  return handleJob(edgeGroupPlaced, ({ group_id: groupId, after }) =>
    // A page and the job of the next one are one transaction: killed anywhere, it goes on where it was.
    inTransaction(db, async (tx) => {
      const ids = await lockDistributionsOfGroup(tx, groupId, { after, limit: PAGE });
      for (const id of ids) {
        // The version alone: what was compiled before is known to be old.
        await updateDistribution(tx, id, {});
        await enqueueJob(tx, distributionChanged, { distribution_id: id });
      }
      const last = ids.at(-1);
      if (last === undefined || ids.length < PAGE) return;
      await enqueueJob(tx, edgeGroupPlaced, { group_id: groupId, after: last });
    }),
  );
}
