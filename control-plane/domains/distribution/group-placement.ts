// When an edge group gets another parent, what is kept to the group is to be on that parent's edges too, and on the former
// one's no more.
import { type Database, inTransaction } from "../../database/transaction.ts";
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { edgeGroupPlaced } from "../edge-node/index.ts";
import { REDEPLOYED_AT_ONCE, redeployPage } from "./redeploy.ts";

export function groupPlacementHandler({ db }: { db: Database }): JobHandler {
  return handleJob(edgeGroupPlaced, ({ group_id: id, after }) =>
    inTransaction(db, async (tx) => {
      const next = await redeployPage(tx, { kind: "edge group", id }, { after, limit: REDEPLOYED_AT_ONCE });
      if (next !== undefined) await enqueueJob(tx, edgeGroupPlaced, { group_id: id, after: next });
    }),
  );
}
