// Purges as records, and on their way into the feeds.
import type { PurgeBody } from "../../../agents/contract.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import {
  type AppendSettings,
  appendAllWaiting,
  BATCH_MAX,
  type Candidate,
  candidate,
  type GroupAppend,
  keyOf,
} from "../feed/index.ts";
import { insertDeliveries } from "./delivery-store.ts";
import { MARK_LIFETIME_MS } from "./lifetime.ts";
import { findEpochsOfArrivals, findPurges, lockWaiting, markAppended, type PurgeRow } from "./store.ts";

// A put and the tombstone behind it come from the same epoch: the later one wins by this.
const PUT_VERSION = 1;

export function appendWaiting(settings: AppendSettings): Promise<void> {
  return appendAllWaiting(settings, { batchMax: BATCH_MAX, lock: lockWaiting, find: findPurges, candidateOf, settle });
}

async function settle(tx: Tx, rows: readonly PurgeRow[], groups: readonly GroupAppend[], now: Date): Promise<void> {
  const deliveries = groups.flatMap(({ scope, appended }) =>
    rows.flatMap(({ id }) => {
      const rev = appended.get(keyOf({ kind: "purge", id }))?.rev;
      return rev === undefined ? [] : [{ purge_id: id, scope, rev }];
    }),
  );
  await insertDeliveries(tx, deliveries);
  await markAppended(
    tx,
    rows.map(({ id }) => id),
    now,
  );
}

export function bodyOf({ distribution_id, epoch, type, items }: PurgeContent): string {
  const common = { format: 1, distribution: distribution_id, epoch } as const;
  const body: PurgeBody = type === "all" ? { ...common, all: true } : { ...common, [type]: [...items] };
  return JSON.stringify(body);
}

export type PurgeContent = Pick<PurgeRow, "distribution_id" | "epoch" | "type" | "items">;

function candidateOf(row: PurgeRow): Candidate {
  return purgeCandidate(row.id, row);
}

/** Everything up to this epoch in one mark. Its id is the distribution's: a newer one takes its place. */
export function foldCandidate(distributionId: string, epoch: number): Candidate {
  return purgeCandidate(distributionId, { distribution_id: distributionId, epoch, type: "all", items: [] });
}

function purgeCandidate(id: string, content: PurgeContent): Candidate {
  const provenance = { sourceVersion: content.epoch, compilerVersion: PUT_VERSION };
  return candidate({ kind: "purge", id }, bodyOf(content), provenance);
}

/**
 * What goes before documents that a group did not have until now: some of its edges may have had them before, in this
 * group or another, and may still keep answers from then, which purges that they were never told of have made old.
 */
export async function marksForArrivals(
  reads: Reads,
  { scope, ids, now }: { scope: string; ids: readonly string[]; now: Date },
): Promise<readonly Candidate[]> {
  if (ids.length === 0) return [];
  const since = now.getTime() - MARK_LIFETIME_MS;
  const arrivals = await findEpochsOfArrivals(reads, { scope, ids, since });
  return arrivals.map(({ distributionId, epoch }) => foldCandidate(distributionId, epoch));
}
