// Waiting for what somebody outside does, by looking again and again: soon at first, less often later.
import { setTimeout } from "node:timers/promises";

export interface Patience {
  readonly firstMs: number;
  readonly longestMs: number;
  readonly totalMs: number;
}

/** `againMs`: how long to leave it alone. */
export interface Seen<T> {
  readonly found?: T;
  readonly againMs?: number | undefined;
}

const GROWTH = 1.5;

/** What `look` finds; undefined when it found nothing in all that time. */
export async function lookUntil<T>(
  { firstMs, longestMs, totalMs }: Patience,
  signal: AbortSignal,
  look: () => Promise<Seen<T>>,
): Promise<T | undefined> {
  const endsAt = performance.now() + totalMs;
  let waitMs = firstMs;
  for (;;) {
    signal.throwIfAborted();
    const seen = await look();
    if (seen.found !== undefined) return seen.found;
    const againMs = Math.min(Math.max(waitMs, seen.againMs ?? 0), longestMs);
    if (performance.now() + againMs > endsAt) return undefined;
    await setTimeout(againMs, undefined, { signal });
    waitMs *= GROWTH;
  }
}
