// After a restore the database lacks the purges since the backup, though edges were told of them: an edge that begins anew
// from its disk would find again what they purged. So whatever was ever purged is purged as a whole, once.
import { inTransaction } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { type AppendSettings, appendToCarriers, BATCH_MAX, feedRestored, openWriter, scopesOf } from "../feed/index.ts";
import { foldCandidate } from "./append.ts";
import { raiseEpochsAfter } from "./store.ts";

/** One page of the distributions, and the next one as a job. */
export async function purgeRestored(
  { db, signer, clock, announce }: AppendSettings,
  after: string | null,
): Promise<void> {
  const appendedTo = await inTransaction(db, async (tx) => {
    const now = clock();
    const epochs = await raiseEpochsAfter(tx, { after, now, limit: BATCH_MAX });
    const ids = [...epochs.keys()].sort();
    const groups = await appendToCarriers(
      tx,
      await openWriter(tx, { signer, now }),
      [...epochs].map(([id, epoch]) => ({ distributionId: id, candidate: foldCandidate(id, epoch) })),
    );
    const last = ids.at(-1);
    if (last !== undefined && ids.length === BATCH_MAX) await enqueueJob(tx, feedRestored, { after: last });
    return scopesOf(groups);
  });
  for (const scope of appendedTo) announce(scope);
}
