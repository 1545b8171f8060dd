// The refusals that stand: per record the newest one, until a newer revision of it is served.
import type { Refusal } from "../contract.ts";
import { type Held, keyOf } from "./state-index.ts";

export interface Refusals {
  add(refused: readonly Refusal[]): void;
  clear(record: Pick<Held, "kind" | "id">): void;
  clearAll(): void;
  /** The newest ones, as many as a report takes. */
  list(): Refusal[];
  has(record: Pick<Held, "kind" | "id">): boolean;
  count(): number;
  countByStage(): ReadonlyMap<Refusal["stage"], number>;
}

const REPORTED_MAX = 1_000;
const MESSAGE_CHARS_MAX = 2_000;

export function createRefusals(): Refusals {
  const standing = new Map<string, Refusal>();
  return {
    add: (refused) => {
      for (const refusal of refused) {
        standing.delete(keyOf(refusal));
        standing.set(keyOf(refusal), { ...refusal, message: refusal.message.slice(0, MESSAGE_CHARS_MAX) });
      }
    },
    clear: (record) => {
      standing.delete(keyOf(record));
    },
    clearAll: () => standing.clear(),
    list: () => [...standing.values()].slice(-REPORTED_MAX),
    has: (record) => standing.has(keyOf(record)),
    count: () => standing.size,
    countByStage: () => {
      const counts = new Map<Refusal["stage"], number>();
      for (const { stage } of standing.values()) counts.set(stage, (counts.get(stage) ?? 0) + 1);
      return counts;
    },
  };
}

/** So many refusals at once are no bad documents, they are a bad compiler: nothing more of it is applied. */
export class TooManyRefused extends Error {
  override readonly name = "TooManyRefused";
  readonly refused: readonly Refusal[];

  constructor(refused: readonly Refusal[]) {
    super(`${refused.length} records were refused at once; the first: ${refused[0]?.message ?? ""}`);
    this.refused = refused;
  }
}

const ALWAYS_BEARABLE = 20;
const BEARABLE_SHARE = 0.01;

/** What the refusals are measured by: a new edge holds nothing yet, what it is to hold counts then. */
export interface Measure {
  readonly held: number;
  readonly coming: number;
}

/** Twenty, or one percent of what the edge holds or gets where that is more. */
export function assertBearable(refused: readonly Refusal[], { held, coming }: Measure): void {
  const share = Math.max(held, coming) * BEARABLE_SHARE;
  const counted = refused.filter((refusal) => !isOwnFault(refusal));
  if (counted.length > Math.max(ALWAYS_BEARABLE, share)) throw new TooManyRefused(counted);
}

/** What is in a certificate is no compiler's doing: it costs the names that it is for, which keep the former one. */
function isOwnFault({ kind, stage }: Refusal): boolean {
  return kind === "certificate" && stage === "push";
}
