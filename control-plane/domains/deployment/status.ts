// Tells distributions what became of their deployment.
import type { Tx } from "../../database/transaction.ts";
import { recordDeployment } from "../distribution/index.ts";
import { findProgress } from "../edge-node/index.ts";
import { outcomeOf } from "./deployment-rules.ts";
import { findDeployments } from "./store.ts";

/** An edge that was not heard of for this long holds nobody up. */
const SEEN_WITHIN_MS = 60_000;

export function seenSince(now: Date): Date {
  return new Date(now.getTime() - SEEN_WITHIN_MS);
}

/** In rising order of ids, so that two transactions which tell of the same ones wait for each other, but not in a ring. */
export async function recordOutcomes(
  tx: Tx,
  ids: readonly string[],
  { feedId, now }: { feedId: string; now: Date },
): Promise<void> {
  if (ids.length === 0) return;
  const progress = await findProgress(tx, { feedId, seenSince: seenSince(now) });
  const rows = await findDeployments(tx, ids);
  for (const id of [...new Set(ids)].sort()) {
    const scopes = rows
      .filter((row) => row.distribution_id === id)
      .map((row) => ({ ...row, isLive: (progress.get(row.scope)?.live ?? 0) > 0 }));
    if (scopes.length > 0) await recordDeployment(tx, id, { ...outcomeOf(scopes), at: now });
  }
}
