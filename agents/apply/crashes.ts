// Counts the workers that die, and remembers what was applied lately: together they raise the search for a culprit.
import type { FeedRecord, RecordKind } from "../contract.ts";
import type { WorkerDeath } from "../observe/worker-deaths.ts";
import { type Held, keyOf } from "./state-index.ts";

export interface Crashes {
  /** Workers that died since the agent began. */
  count(): number;
  /** Two of them within ten seconds: somebody has to look. */
  isRaised(): boolean;
  /** Looked at: it takes two more. */
  reset(): void;
  saw(deaths: readonly WorkerDeath[]): void;
  /** An earlier run did not come to its end. */
  raise(): void;
  /** Before nginx gets it. */
  applied(records: readonly Pick<FeedRecord, "kind" | "id" | "rev" | "hash" | "op">[], atMs?: number): void;
  /** What was applied within this time, oldest first. */
  suspects(withinMs: number): readonly Held[];
  acquit(records: readonly Pick<Held, "kind" | "id">[]): void;
}

const TWO_WITHIN_MS = 10_000;
/** What has been served for longer would have shown before. */
export const SUSPECT_FOR_MS = 3_600_000;
const SUSPECTS_MAX = 1_000;

/** Marks take nothing into a worker that it did not have, and what a customer purged must not come back. */
const SUSPECT_KINDS: ReadonlySet<RecordKind> = new Set(["document", "certificate", "structure", "shield"]);

export function createCrashes(now: () => number = Date.now): Crashes {
  const lately = new Map<string, { record: Held; atMs: number }>();
  let deaths = 0;
  let lastAt = Number.NEGATIVE_INFINITY;
  let raised = false;

  function forgetOld(): void {
    for (const [key, { atMs }] of lately) {
      if (lately.size <= SUSPECTS_MAX && now() - atMs <= SUSPECT_FOR_MS) return;
      lately.delete(key);
    }
  }

  return {
    count: () => deaths,
    isRaised: () => raised,
    reset: () => {
      raised = false;
      lastAt = Number.NEGATIVE_INFINITY;
    },
    saw: (seen) => {
      for (const _ of seen) {
        deaths += 1;
        if (now() - lastAt <= TWO_WITHIN_MS) raised = true;
        lastAt = now();
      }
    },
    raise: () => {
      raised = true;
    },
    applied: (records, atMs = now()) => {
      for (const { kind, id, rev, hash, op } of records) {
        const key = keyOf({ kind, id });
        lately.delete(key);
        if (op === "put" && SUSPECT_KINDS.has(kind)) lately.set(key, { record: { kind, id, rev, hash }, atMs });
      }
      forgetOld();
    },
    suspects: (withinMs) =>
      [...lately.values()].filter(({ atMs }) => now() - atMs <= withinMs).map(({ record }) => record),
    acquit: (records) => {
      for (const record of records) lately.delete(keyOf(record));
    },
  };
}
