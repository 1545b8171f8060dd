// Tells distributions what became of their deployment.
import type { Tx } from "../../database/transaction.ts";
import { recordDeployment } from "../distribution/index.ts";
import { findProgress, seenSince } from "../edge-node/index.ts";
import { outcomeOf, type ScopeState } from "./rules.ts";
import { findDeployments } from "./store.ts";

/** In rising order of ids, so that two transactions which tell of the same ones wait for each other, but not in a ring. */
export async function recordOutcomes(
  tx: Tx,
  ids: readonly string[],
  { feedId, now }: { feedId: string; now: Date },
): Promise<void> {
  if (ids.length === 0) return;
  const progress = await findProgress(tx, { feedId, seenSince: seenSince(now) });
  const scopesById = new Map<string, ScopeState[]>([...new Set(ids)].sort().map((id) => [id, []]));
  for (const { distribution_id: id, scope, state, reason } of await findDeployments(tx, ids)) {
    scopesById.get(id)?.push({ state, reason, isLive: (progress.get(scope)?.live ?? 0) > 0 });
  }
  for (const [id, scopes] of scopesById) {
    if (scopes.length > 0) await recordDeployment(tx, id, { ...outcomeOf(scopes), at: now });
  }
}
