// An operator wants a group to be nobody's: what is kept to it moves to another one, and then it can be deleted.
import type { Reads, Tx } from "../../database/transaction.ts";
import type { Actor } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { recordAudit } from "../audit/index.ts";
import { type EdgeGroupRecord, lockGroups } from "./group-store.ts";
import { edgeGroupVacated } from "./jobs.ts";

interface Vacation {
  readonly id: string;
  readonly toId: string;
  readonly assertFound: (group: EdgeGroupRecord | undefined) => EdgeGroupRecord;
  readonly countUses: (reads: Reads, groupId: string) => Promise<number>;
}

/** Answers how many distributions are on their way. */
export async function vacateGroup(
  tx: Tx,
  actor: Actor,
  { id, toId, assertFound, countUses }: Vacation,
): Promise<number> {
  const groups = await lockGroups(tx);
  const from = assertFound(groups.find((group) => group.id === id));
  const to = groups.find((group) => group.id === toId);
  const fault = (detail: string) => invalidRequest([{ pointer: "/to_group_id", detail }]);
  if (to === undefined) throw fault("names no edge group.");
  if (to.id === from.id) throw fault("must be another group than this one.");
  await enqueueJob(tx, edgeGroupVacated, { group_id: id, to_group_id: toId });
  const distributions = await countUses(tx, id);
  const changes = [{ pointer: "/distributions", before: from.name, after: to.name }];
  await recordAudit(tx, actor, {
    ...{ action: "edge-group.vacate", accountId: null, resourceType: "edge-group", resourceId: id, changes },
  });
  return distributions;
}
