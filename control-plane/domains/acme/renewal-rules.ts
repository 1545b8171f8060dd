// When the next certificate is asked for: in the window that the authority names, else at two thirds of the lifetime; and how
// long a failure waits. No clock, no input or output; `random` is a number from 0 up to 1.

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** The share of the lifetime over which renewals are spread: what was issued in one hour is not renewed in one hour. */
const JITTER_SHARE = 1 / 24;

/** Of 90 days after 60, of 45 after 30, of 6 after 4; a little later, by chance. */
export function fallbackRenewal({ notBefore, notAfter }: Validity, random: number): Date {
  const lifetimeMs = notAfter.getTime() - notBefore.getTime();
  return new Date(notBefore.getTime() + (2 / 3 + random * JITTER_SHARE) * lifetimeMs);
}

export interface RenewalWindow {
  readonly start: Date;
  readonly end: Date;
}

/**
 * RFC 9773 §4.2: any time in the window, each as likely, or at once when it is over. A time at which the certificate has ended
 * is nobody's wish.
 */
export function renewalInWindow(
  { start, end }: RenewalWindow,
  { validity, now, random }: { validity: Validity; now: Date; random: number },
): Date {
  if (end <= now) return now;
  const chosen = new Date(start.getTime() + random * (end.getTime() - start.getTime()));
  return chosen < validity.notAfter ? chosen : fallbackRenewal(validity, random);
}

const FAILURE_FIRST_MS = HOUR_MS;
const FAILURE_LONGEST_MS = DAY_MS;

/** After so many orders in a row that failed: an hour, doubling to a day. */
export function failureDelayMs(failures: number): number {
  return Math.min(FAILURE_FIRST_MS * 2 ** Math.max(0, failures - 1), FAILURE_LONGEST_MS);
}

const EARLY_FIRST_MS = 15_000;

/** Where the authority was not asked, nothing is lost by looking again soon: DNS may just have been set. Up to a day, too. */
export function earlyDelayMs(failures: number): number {
  return Math.min(EARLY_FIRST_MS * 2 ** Math.max(0, failures - 1), FAILURE_LONGEST_MS);
}

const STUMBLE_FIRST_MS = 2_000;
const STUMBLE_LONGEST_MS = 10 * MINUTE_MS;
/** About an hour; then the order fails, and the certificate waits as after any failure. */
export const STUMBLES_MAX = 14;

/** When somebody outside did not answer: nothing was refused, so it is soon asked again. */
export function stumbleDelayMs(stumbles: number, random: number): number {
  const longest = Math.min(STUMBLE_FIRST_MS * 2 ** Math.max(0, stumbles - 1), STUMBLE_LONGEST_MS);
  return Math.round(longest * (0.5 + random / 2));
}

const CHECK_SOONEST_MS = MINUTE_MS;
const CHECK_LATEST_MS = DAY_MS;
const CHECK_USUAL_MS = 6 * HOUR_MS;

/** RFC 9773 §4.3.1: as Retry-After says, within reason. */
export function nextCheckMs(retryAfterMs: number | undefined): number {
  return Math.min(Math.max(retryAfterMs ?? CHECK_USUAL_MS, CHECK_SOONEST_MS), CHECK_LATEST_MS);
}

/** RFC 9773 §4.3.2: checks that fail back off, too. */
export function failedCheckMs(failures: number): number {
  return Math.min(5 * MINUTE_MS * 2 ** Math.max(0, failures - 1), CHECK_USUAL_MS);
}
