// An account that is over its quota is cut off: the edges answer 503 for all that it has, whatever its people decide about single
// distributions, until that is lifted. It is the account's row that says so, which every compilation reads: what is created
// meanwhile is cut off too, and what its owner disabled stays disabled afterwards.
import { z } from "zod";
import { type Database, inTransaction, makeStale, type Tx } from "../../database/transaction.ts";
import { defineJob, handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { updateCutOff } from "../account/index.ts";
import { REDEPLOYED_AT_ONCE, redeployPage } from "./redeploy.ts";
import { listsOf } from "./store.ts";

/** A page of its distributions is to be deployed anew. */
const accountCutOff = defineJob({
  name: "distribution.account-cut-off",
  payload: z.object({ account_id: z.uuid(), after: z.uuid().nullable() }),
});

export async function setCutOff(
  tx: Tx,
  { accountId, isCutOff, now }: { accountId: string; isCutOff: boolean; now: Date },
): Promise<void> {
  await updateCutOff(tx, accountId, isCutOff ? now : null);
  makeStale(tx, listsOf(accountId));
  await enqueueJob(tx, accountCutOff, { account_id: accountId, after: null });
}

/** `pageSize` is for tests. */
export function cutOffHandler({ db, pageSize = REDEPLOYED_AT_ONCE }: { db: Database; pageSize?: number }): JobHandler {
  return handleJob(accountCutOff, ({ account_id: id, after }) =>
    inTransaction(db, async (tx) => {
      const next = await redeployPage(tx, { kind: "account", id }, { after, limit: pageSize });
      if (next !== undefined) await enqueueJob(tx, accountCutOff, { account_id: id, after: next });
    }),
  );
}
