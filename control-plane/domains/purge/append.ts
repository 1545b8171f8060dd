// Purges on their way into the feeds: what waits is appended to every group that has the distribution, signed, as one
// batch, without compiling anything.
import { hashOf, type PurgeBody } from "../../../agents/contract.ts";
import { type Database, inTransaction, type Reads } from "../../database/transaction.ts";
import {
  appendToGroups,
  BATCH_MAX,
  type Candidate,
  type FeedSigner,
  findCarried,
  keyOf,
  openWriter,
  scopesOf,
} from "../feed/index.ts";
import { insertDeliveries } from "./delivery-store.ts";
import { withinBytes } from "./extent.ts";
import { MARK_LIFETIME_MS } from "./lifetime.ts";
import { findEpochsOfArrivals, findPurges, lockWaiting, markAppended, type PurgeRow } from "./store.ts";

// A put and the tombstone behind it come from the same epoch: the later one wins by this.
const PUT_VERSION = 1;

export interface PurgeWorkerSettings {
  readonly db: Database;
  readonly signer: FeedSigner;
  readonly clock: () => Date;
  /** Wakes the agents of a scope, after the commit. */
  readonly announce: (scope: string) => void;
}

/**
 * Each waiting purge has a job of its own: it finds its purge done, or in hand of another. So one batch is enough, but for
 * what was locked and had no room in it: the jobs of those may have passed it by.
 */
export async function appendWaiting(settings: PurgeWorkerSettings): Promise<void> {
  while (await appendBatch(settings));
}

/** True when some that wait had no room. */
async function appendBatch({ db, signer, clock, announce }: PurgeWorkerSettings): Promise<boolean> {
  const { appendedTo, isMore } = await inTransaction(db, async (tx) => {
    const locked = await lockWaiting(tx, BATCH_MAX);
    if (locked.length === 0) return { appendedTo: [], isMore: false };
    const waiting = await findPurges(tx, withinBytes(locked));
    const now = clock();
    const distributions = [...new Set(waiting.map((row) => row.distribution_id))];
    const groups = await appendToGroups(tx, await openWriter(tx, { signer, now }), async (scope) => {
      const carried = await findCarried(tx, scope, distributions);
      return waiting.filter((row) => carried.has(row.distribution_id)).map(candidateOf);
    });
    const deliveries = groups.flatMap(({ scope, appended }) =>
      waiting.flatMap(({ id }) => {
        const rev = appended.get(keyOf({ kind: "purge", id }))?.rev;
        return rev === undefined ? [] : [{ purge_id: id, scope, rev }];
      }),
    );
    await insertDeliveries(tx, deliveries);
    await markAppended(
      tx,
      waiting.map(({ id }) => id),
      now,
    );
    return { appendedTo: scopesOf(groups), isMore: waiting.length < locked.length };
  });
  for (const scope of appendedTo) announce(scope);
  return isMore;
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
  const body = bodyOf(content);
  const provenance = { sourceVersion: content.epoch, compilerVersion: PUT_VERSION };
  return { kind: "purge", id, op: "put", body, hash: hashOf(body), ...provenance };
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
