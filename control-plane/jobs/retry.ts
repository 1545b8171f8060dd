// When a failed job is tried again.

const FIRST_MS = 200;
const LONGEST_MS = 60_000;
// Whatever is away may be back any second, and every change waits for it.
const LONGEST_IN_OUTAGE_MS = 3_000;

/** Doubles with each attempt; `random` (0 to 1) spreads jobs that failed together over the second half of the wait. */
export function retryDelayMs(attemptsMade: number, isOutage: boolean, random: number): number {
  const longest = isOutage ? LONGEST_IN_OUTAGE_MS : LONGEST_MS;
  const delay = Math.min(FIRST_MS * 2 ** Math.max(0, attemptsMade - 1), longest);
  return Math.round(delay * (0.5 + random / 2));
}
