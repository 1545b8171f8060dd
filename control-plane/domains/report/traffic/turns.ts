// Turns at something scarce: few at once, and some of them kept for the modest. The next one goes to who has had the least time
// of late, so that whoever asks for a lot, or for what takes long, waits behind everybody else.
import { performance } from "node:perf_hooks";
import { LRUCache } from "lru-cache";
import type { Problem } from "../../../../platform/problem.ts";

export interface Turns {
  /** Resolves when it is their turn, to what ends it. Rejects with the signal's reason when that comes first. */
  take(who: string, signal: AbortSignal): Promise<() => void>;
}

export interface TurnLimits {
  readonly atOnce: number;
  /** How many of these are for those alone who have no other, and have had little time of late. */
  readonly forModest: number;
  /** Default: as many as there are for all. */
  readonly runningEachMax?: number;
  readonly waitingEachMax: number;
  /** What whoever has as many waiting is told. */
  readonly refusal: () => Problem;
  /** For tests. */
  readonly clockMs?: () => number;
}

interface Asker {
  /** They had had little time when the first of those that run began. */
  isModest: boolean;
  /** When each of their turns began. */
  readonly running: Set<{ readonly sinceMs: number }>;
  readonly waiting: Set<() => void>;
}

interface Spent {
  readonly ms: number;
  readonly atMs: number;
}

/** Time that was had so long ago counts half. */
const HALF_LIFE_MS = 10 * 60_000;
/** That much, or less, is little: most reports take a tenth of a second. */
const LITTLE_MS = 10_000;
/** Beyond these, whoever was last served the longest ago begins anew. */
const REMEMBERED_MAX = 10_000;

export function createTurns({
  atOnce,
  forModest,
  runningEachMax = atOnce,
  waitingEachMax,
  refusal,
  clockMs = () => performance.now(),
}: TurnLimits): Turns {
  /** Who runs or waits, in the order in which they came. */
  const askers = new Map<string, Asker>();
  const spent = new LRUCache<string, Spent>({ max: REMEMBERED_MAX });
  let running = 0;

  /** `modestOnes`: how many have one turn alone, and are modest. */
  function mayBegin(who: string, asker: Asker, modestOnes: number, nowMs: number): boolean {
    if (running >= atOnce || asker.running.size >= runningEachMax) return false;
    const others = modestOnes - (isModestOne(asker) ? 1 : 0);
    const isModest = asker.running.size === 0 && isLittle(who, nowMs);
    // What the modest have is of their own first, and of everybody's only beyond that.
    const own = Math.min(others + (isModest ? 1 : 0), forModest);
    return running + 1 - own <= atOnce - forModest;
  }

  function countModestOnes(): number {
    return [...askers.values()].filter(isModestOne).length;
  }

  function isModestOne({ isModest, running: turns }: Asker): boolean {
    return isModest && turns.size === 1;
  }

  function isLittle(who: string, nowMs: number): boolean {
    return spentBy(who, nowMs) <= LITTLE_MS;
  }

  /** What runs counts, too. */
  function timeOf(who: string, asker: Asker, nowMs: number): number {
    return [...asker.running].reduce((sum, { sinceMs }) => sum + nowMs - sinceMs, spentBy(who, nowMs));
  }

  function spentBy(who: string, nowMs: number): number {
    const { ms, atMs } = spent.peek(who) ?? { ms: 0, atMs: nowMs };
    return ms * 0.5 ** ((nowMs - atMs) / HALF_LIFE_MS);
  }

  function begin(who: string, asker: Asker): () => void {
    const turn = { sinceMs: clockMs() };
    if (asker.running.size === 0) asker.isModest = isLittle(who, turn.sinceMs);
    running += 1;
    asker.running.add(turn);
    return () => {
      const nowMs = clockMs();
      running -= 1;
      asker.running.delete(turn);
      spent.set(who, { ms: spentBy(who, nowMs) + nowMs - turn.sinceMs, atMs: nowMs });
      while (callNext(nowMs));
      forget(who, asker);
    };
  }

  function forget(who: string, asker: Asker): void {
    if (asker.running.size === 0 && asker.waiting.size === 0) askers.delete(who);
  }

  /** False: nobody waits who may begin. */
  function callNext(nowMs: number): boolean {
    const modestOnes = countModestOnes();
    const [first, ...others] = [...askers]
      .filter(([who, asker]) => asker.waiting.size > 0 && mayBegin(who, asker, modestOnes, nowMs))
      .map(([who, asker]) => ({ asker, ms: timeOf(who, asker, nowMs) }));
    if (first === undefined) return false;
    const { asker } = others.reduce((least, other) => (other.ms < least.ms ? other : least), first);
    const [enter] = asker.waiting;
    enter?.();
    return true;
  }

  function wait(who: string, asker: Asker, signal: AbortSignal): Promise<() => void> {
    if (asker.waiting.size >= waitingEachMax) throw refusal();
    return new Promise((resolve, reject) => {
      const leave = () => {
        asker.waiting.delete(enter);
        forget(who, asker);
        reject(signal.reason);
      };
      const enter = () => {
        asker.waiting.delete(enter);
        signal.removeEventListener("abort", leave);
        resolve(begin(who, asker));
      };
      signal.addEventListener("abort", leave, { once: true });
      asker.waiting.add(enter);
    });
  }

  return {
    async take(who, signal) {
      signal.throwIfAborted();
      const asker = askers.get(who) ?? { isModest: false, running: new Set(), waiting: new Set() };
      const entered = mayBegin(who, asker, countModestOnes(), clockMs()) ? begin(who, asker) : wait(who, asker, signal);
      askers.set(who, asker);
      return entered;
    },
  };
}
