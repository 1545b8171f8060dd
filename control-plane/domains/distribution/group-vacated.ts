// When an operator clears an edge group, what is kept to it is kept to another one from then on: a version by the platform in
// each distribution's history, and a notice for each account.
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import { platformActor } from "../../http/caller.ts";
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { type EdgeGroupRecord, edgeGroupVacated, findGroup, holdGroups } from "../edge-node/index.ts";
import { notify } from "../notification/index.ts";
import { recordVersion } from "./change.ts";
import { distributionChanged } from "./jobs.ts";
import { readState } from "./state.ts";
import { type DistributionRecord, lockDependants, lockDistribution, updateDistribution } from "./store.ts";

const PAGE = 50;

interface Move {
  readonly from: EdgeGroupRecord;
  readonly to: EdgeGroupRecord;
  readonly now: Date;
}

/** `pageSize` is for tests. */
export function groupVacatedHandler(settings: { db: Database; clock: () => Date; pageSize?: number }): JobHandler {
  const { db, clock, pageSize: limit = PAGE } = settings;
  return handleJob(edgeGroupVacated, ({ group_id: id, to_group_id: toId }) =>
    // A page and the job of the next one are one transaction: killed anywhere, it goes on where it was.
    inTransaction(db, async (tx) => {
      await holdGroups(tx, [id, toId]);
      const [from, to] = [await findGroup(tx, id), await findGroup(tx, toId)];
      // Deleted meanwhile: the operator chooses another one.
      if (from === undefined || to === undefined) return;
      const ids = await lockDependants(tx, { kind: "edge group", id }, { after: null, limit });
      for (const distributionId of ids) await moveOne(tx, distributionId, { from, to, now: clock() });
      if (ids.length === limit) await enqueueJob(tx, edgeGroupVacated, { group_id: id, to_group_id: toId });
    }),
  );
}

async function moveOne(tx: Tx, id: string, { from, to, now }: Move): Promise<void> {
  const record = await lockDistribution(tx, id);
  if (record === undefined || record.edgeGroupIds === null) return;
  const kept = record.edgeGroupIds.map((groupId) => (groupId === from.id ? to.id : groupId));
  const changed = { edgeGroupIds: [...new Set(kept)], updatedAt: now };
  const before = await readState(tx, record);
  const after = await readState(tx, { ...record, ...changed, version: record.version + 1 });
  const author = { ...platformActor, accountId: record.accountId };
  const number = await recordVersion(tx, author, { id, action: "distribution.move", now }, { before, after });
  await updateDistribution(tx, id, { ...changed, configurationVersion: number });
  await enqueueJob(tx, distributionChanged, { distribution_id: id });
  await tellAccount(tx, record, { from, to, now });
}

/** Once, however many of them it has. */
async function tellAccount(tx: Tx, { accountId }: DistributionRecord, { from, to, now }: Move): Promise<void> {
  await notify(tx, {
    ...{ accountId, event: "distribution.moved", now, once: `distribution.moved:${accountId}:${from.id}:${to.id}` },
    subject: `What you keep to ${from.name} is kept to ${to.name} now`,
    text:
      `The point of presence ${from.name} is being closed. Your distributions that were kept to it are kept to ${to.name} ` +
      "from now on: each has a new version that says so.\n\nNothing is asked of you. Another choice is yours at any time: " +
      "change the edge groups of the distribution.",
    data: { edge_group_id: from.id, edge_group: from.name, to_edge_group_id: to.id, to_edge_group: to.name },
  });
}
