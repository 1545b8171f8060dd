// Waiting after failures: doubling, capped, with jitter so that a thousand edges do not come back in one second.
import { setTimeout as delay } from "node:timers/promises";

export interface BackOff {
  /** Waits the next, longer while; rejects when the signal aborts. */
  wait(signal: AbortSignal): Promise<void>;
  reset(): void;
}

export function createBackOff(limits: { firstMs: number; maxMs: number }): BackOff {
  let failures = 0;
  return {
    wait: async (signal) => {
      const ceilingMs = Math.min(limits.maxMs, limits.firstMs * 2 ** Math.min(failures, 20));
      failures += 1;
      await delay(ceilingMs * (0.5 + Math.random() / 2), undefined, { signal });
    },
    reset: () => {
      failures = 0;
    },
  };
}
