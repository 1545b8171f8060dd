// Prefetches on their way into the feeds, and out of them: to every group that has the distribution, for an hour.
import type { PrefetchBody } from "../../../agents/contract.ts";
import { inTransaction, type Tx } from "../../database/transaction.ts";
import { type AppendSettings, appendAllWaiting, type Candidate, candidate } from "../feed/index.ts";
import { forgetPassed } from "../purge/index.ts";
import { deletePrefetches, findPrefetches, lockWaiting, markAppended, type PrefetchRow } from "./store.ts";

const HOUR_MS = 3_600_000;
const KEPT_MS = 24 * HOUR_MS;
const BATCH_MAX = 100;
const DELETED_AT_ONCE = 1_000;

export function appendWaiting(settings: AppendSettings): Promise<void> {
  return appendAllWaiting(settings, {
    ...{ batchMax: BATCH_MAX, lock: lockWaiting, find: findPrefetches, candidateOf },
    settle: (tx, rows, _groups, now) =>
      markAppended(
        tx,
        rows.map(({ id }) => id),
        now,
      ),
  });
}

export function bodyOf({ distribution_id: distribution, urls }: Pick<PrefetchRow, "distribution_id" | "urls">): string {
  return JSON.stringify({ format: 1, distribution, urls: [...urls] } satisfies PrefetchBody);
}

/** Its source version is the time at which it was asked for: by that it is forgotten. */
function candidateOf(row: PrefetchRow): Candidate {
  const provenance = { sourceVersion: row.created_at.getTime(), compilerVersion: 1 };
  return candidate({ kind: "prefetch", id: row.id }, bodyOf(row), provenance);
}

export async function forgetPrefetches(settings: AppendSettings, signal: AbortSignal): Promise<void> {
  const now = settings.clock().getTime();
  await forgetPassed(settings, { kind: "prefetch", before: now - HOUR_MS }, signal);
  const deleteSome = (tx: Tx) => deletePrefetches(tx, new Date(now - KEPT_MS), DELETED_AT_ONCE);
  while ((await inTransaction(settings.db, deleteSome)) > 0) signal.throwIfAborted();
}
