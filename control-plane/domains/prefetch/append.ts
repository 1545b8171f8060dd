// Prefetches on their way into the feeds, and out of them: to every group that has the distribution, for an hour.
import { hashOf, type PrefetchBody } from "../../../agents/contract.ts";
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import { appendToGroups, type Candidate, type FeedSigner, findCarried, openWriter, scopesOf } from "../feed/index.ts";
import { forgetPassed, withinBytes } from "../purge/index.ts";
import { deletePrefetches, findPrefetches, lockWaiting, markAppended, type PrefetchRow } from "./store.ts";

const HOUR_MS = 3_600_000;
const KEPT_MS = 24 * HOUR_MS;
const BATCH_MAX = 100;
const DELETED_AT_ONCE = 1_000;

export interface PrefetchWorkerSettings {
  readonly db: Database;
  readonly signer: FeedSigner;
  readonly clock: () => Date;
  /** Wakes the agents of a scope, after the commit. */
  readonly announce: (scope: string) => void;
}

/** All that had no room in one batch too: its own job may have passed it by. */
export async function appendWaiting(settings: PrefetchWorkerSettings): Promise<void> {
  while (await appendBatch(settings));
}

/** True when some that wait had no room. */
async function appendBatch({ db, signer, clock, announce }: PrefetchWorkerSettings): Promise<boolean> {
  const { appendedTo, isMore } = await inTransaction(db, async (tx) => {
    const locked = await lockWaiting(tx, BATCH_MAX);
    if (locked.length === 0) return { appendedTo: [], isMore: false };
    const waiting = await findPrefetches(tx, withinBytes(locked));
    const now = clock();
    const distributions = [...new Set(waiting.map((row) => row.distribution_id))];
    const groups = await appendToGroups(tx, await openWriter(tx, { signer, now }), async (scope) => {
      const carried = await findCarried(tx, scope, distributions);
      return waiting.filter((row) => carried.has(row.distribution_id)).map(candidateOf);
    });
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

export function bodyOf({ distribution_id: distribution, urls }: Pick<PrefetchRow, "distribution_id" | "urls">): string {
  return JSON.stringify({ format: 1, distribution, urls: [...urls] } satisfies PrefetchBody);
}

/** Its source version is the time at which it was asked for: by that it is forgotten. */
function candidateOf(row: PrefetchRow): Candidate {
  const { id, created_at } = row;
  const body = bodyOf(row);
  return {
    ...{ kind: "prefetch", id, op: "put", body, hash: hashOf(body) },
    ...{ sourceVersion: created_at.getTime(), compilerVersion: 1 },
  };
}

export async function forgetPrefetches(settings: PrefetchWorkerSettings, signal: AbortSignal): Promise<void> {
  const now = settings.clock().getTime();
  await forgetPassed(settings, { kind: "prefetch", before: now - HOUR_MS }, signal);
  const deleteSome = (tx: Tx) => deletePrefetches(tx, new Date(now - KEPT_MS), DELETED_AT_ONCE);
  while ((await inTransaction(settings.db, deleteSome)) > 0) signal.throwIfAborted();
}
