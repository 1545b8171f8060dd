// Turns at something scarce: few at once, fewer for each who asks, and in rotation, so that whoever asks a lot waits behind
// their own questions and not in front of others'.
import { Problem } from "../../../../platform/problem.ts";
import { tooManyRequests } from "../../../http/problems.ts";

export interface Turns {
  /** Resolves when it is their turn, to what ends it. Rejects with the signal's reason when that comes first. */
  take(who: string, signal: AbortSignal): Promise<() => void>;
}

interface TurnLimits {
  readonly atOnce: number;
  readonly atOnceEach: number;
  readonly waitingEachMax: number;
}

interface Asker {
  running: number;
  readonly waiting: Set<() => void>;
}

// The rest of the connections to ClickHouse is for log lines.
const LIMITS: TurnLimits = { atOnce: 8, atOnceEach: 3, waitingEachMax: 20 };
const RETRY_AFTER_S = 5;

export function createTurns({ atOnce, atOnceEach, waitingEachMax }: TurnLimits = LIMITS): Turns {
  /** Who was served last stands last. */
  const askers = new Map<string, Asker>();
  let running = 0;

  function begin(who: string, asker: Asker): () => void {
    running += 1;
    asker.running += 1;
    askers.delete(who);
    askers.set(who, asker);
    return () => {
      running -= 1;
      asker.running -= 1;
      callNext();
      forget(who, asker);
    };
  }

  function forget(who: string, asker: Asker): void {
    if (asker.running === 0 && asker.waiting.size === 0) askers.delete(who);
  }

  function callNext(): void {
    if (running >= atOnce) return;
    for (const asker of askers.values()) {
      const [next] = asker.waiting;
      if (next === undefined || asker.running >= atOnceEach) continue;
      next();
      return;
    }
  }

  function wait(who: string, asker: Asker, signal: AbortSignal): Promise<() => void> {
    if (asker.waiting.size >= waitingEachMax) throw tooMany(waitingEachMax);
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
      const asker = askers.get(who) ?? { running: 0, waiting: new Set() };
      if (running < atOnce && asker.running < atOnceEach) return begin(who, asker);
      askers.set(who, asker);
      return wait(who, asker, signal);
    },
  };
}

function tooMany(waitingEachMax: number): Problem {
  const detail = `More than ${waitingEachMax} reports of this account wait already: ask for the next one when one of them is answered.`;
  return new Problem(tooManyRequests, detail, { headers: { "retry-after": String(RETRY_AFTER_S) } });
}
