// Prefetches on their way into the feeds, and out of them: to every group that has the distribution, for an hour.
import { hashOf, type PrefetchBody } from "../../../agents/contract.ts";
import { type Database, inTransaction } from "../../database/transaction.ts";
import { appendToGroups, type Candidate, type FeedSigner, findCarried, openWriter, scopesOf } from "../feed/index.ts";
import { forgetPassed } from "../purge/index.ts";
import { deletePrefetches, lockWaiting, markAppended, type PrefetchRow } from "./store.ts";

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

export async function appendWaiting({ db, signer, clock, announce }: PrefetchWorkerSettings): Promise<void> {
  const appendedTo = await inTransaction(db, async (tx) => {
    const waiting = await lockWaiting(tx, BATCH_MAX);
    if (waiting.length === 0) return [];
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
    return scopesOf(groups);
  });
  for (const scope of appendedTo) announce(scope);
}

/** Its source version is the time at which it was asked for: by that it is forgotten. */
function candidateOf({ id, distribution_id: distribution, urls, created_at }: PrefetchRow): Candidate {
  const body = JSON.stringify({ format: 1, distribution, urls: [...urls] } satisfies PrefetchBody);
  return {
    ...{ kind: "prefetch", id, op: "put", body, hash: hashOf(body) },
    ...{ sourceVersion: created_at.getTime(), compilerVersion: 1 },
  };
}

export async function forgetPrefetches(settings: PrefetchWorkerSettings, signal: AbortSignal): Promise<void> {
  const now = settings.clock().getTime();
  await forgetPassed(settings, { kind: "prefetch", before: now - HOUR_MS }, signal);
  await inTransaction(settings.db, (tx) => deletePrefetches(tx, new Date(now - KEPT_MS), DELETED_AT_ONCE));
}
