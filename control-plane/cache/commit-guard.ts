// What a transaction that changes cached things does around its commit, so that no process keeps, or finds again, what it
// has made old (docs/adr on caching has the argument).
import { randomUUID } from "node:crypto";
import type { Logger } from "../../platform/log.ts";
import type { CommitGuard, Database } from "../database/transaction.ts";
import type { Fences } from "./entries.ts";
import { raiseEpoch } from "./epoch.ts";
import type { CacheMetrics } from "./metrics.ts";

/** A change of more names than this makes everything stale: one epoch is cheaper. */
const NAMES_MAX = 500;

export function createCommitGuard(settings: {
  db: Database;
  fences: Fences;
  /** This process' own memory, at once: what Redis publishes may arrive a moment after the answer to it. */
  drop: (names: readonly string[]) => void;
  /** This process believes nothing until it has asked for the epoch. */
  doubtEpoch: () => void;
  metrics: CacheMetrics;
  log: Logger;
}): CommitGuard {
  const { db, fences, drop, doubtEpoch, metrics, log } = settings;
  return async (tx, stale) => {
    const names = [...stale];
    const token = randomUUID();
    const isFenced = names.length <= NAMES_MAX && (await fences.raise(names, token));
    metrics.wrote(isFenced ? "fence" : "epoch");
    if (!isFenced) {
      await raiseEpoch(tx);
      return async () => doubtEpoch();
    }
    return async (outcome) => {
      // A commit that Postgres is still at must not become visible after its fence is gone: it ends by itself.
      const isLowered = outcome === "unknown" || (await fences.lower(names, token));
      drop(names);
      if (isLowered) return;
      // A Redis that started again since has lost the fence, and may have been given what is old now.
      log.warn({ names: names.length }, "redis went away during a write: everything cached is stale");
      try {
        await raiseEpoch(db);
      } finally {
        doubtEpoch();
      }
    };
  };
}
