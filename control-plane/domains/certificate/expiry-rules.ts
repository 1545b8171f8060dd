// When the owners of a certificate are warned that it ends, and in which words. No input or output.

const DAY_MS = 24 * 60 * 60 * 1000;

/** Days ahead; each is said once of a chain. */
const WARNING_DAYS = [30, 14, 7, 3, 1] as const;
export const WARNED_AHEAD_MS = WARNING_DAYS[0] * DAY_MS;
/** Who was not told for so long, because nobody ran the schedule, knows it from elsewhere. */
export const WARNED_AFTER_MS = 30 * DAY_MS;

/**
 * The next certificate of an automatic one is asked for when a third of the time is left, or when its authority says so. With
 * less than this share left, that did not work.
 */
const RENEWED_BY_SHARE = 1 / 4;

export interface Validity {
  readonly isAutomatic: boolean;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** The warning that is due: the most urgent alone, however many were missed. Undefined: none is. */
export function warningDue(certificate: Validity, now: Date): number | undefined {
  if (isToBeRenewed(certificate, now)) return undefined;
  const leftMs = certificate.notAfter.getTime() - now.getTime();
  return WARNING_DAYS.findLast((days) => leftMs <= days * DAY_MS);
}

/** Whether there is time yet for its successor to come by itself. */
export function isToBeRenewed({ isAutomatic, notBefore, notAfter }: Validity, now: Date): boolean {
  const leftMs = notAfter.getTime() - now.getTime();
  const lifetimeMs = notAfter.getTime() - notBefore.getTime();
  return isAutomatic && leftMs >= lifetimeMs * RENEWED_BY_SHARE;
}

export interface Expiring {
  readonly name: string;
  readonly names: readonly string[];
  readonly isAutomatic: boolean;
  readonly statusReason: string | null;
  readonly notAfter: Date;
  /** Domains of distributions that are served with it. */
  readonly usedBy: readonly string[];
}

export interface Warning {
  readonly subject: string;
  readonly text: string;
  /** Rounded up; 0: it has ended. */
  readonly daysLeft: number;
}

export function warningOf(certificate: Expiring, now: Date): Warning {
  const { name, names, notAfter } = certificate;
  const daysLeft = Math.max(0, Math.ceil((notAfter.getTime() - now.getTime()) / DAY_MS));
  const until = `${notAfter.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const ends = daysLeft === 0 ? `expired on ${until}` : `expires in ${days(daysLeft)}, on ${until}`;
  const what = `The certificate ${name} (${listed(names)}) ${ends}. ${useOf(certificate)}`;
  return {
    subject: `The certificate ${name} ${daysLeft === 0 ? "has expired" : `expires in ${days(daysLeft)}`}`,
    text: `${what}\n\n${cureOf(certificate)}`,
    daysLeft,
  };
}

function useOf({ usedBy }: Expiring): string {
  if (usedBy.length === 0) return "No distribution is served with it.";
  return `Without another one, browsers will refuse ${listed(usedBy)}.`;
}

function cureOf({ isAutomatic, statusReason, usedBy }: Expiring): string {
  if (isAutomatic)
    return `It was not renewed in time. ${statusReason ?? "The authority has not issued another one yet."}`;
  const cure = "Upload its successor in its place: edges show that within a second.";
  return usedBy.length === 0 ? `${cure} If nobody needs it any more, delete it.` : cure;
}

const LISTED_MAX = 5;

function listed(names: readonly string[]): string {
  const more = names.length - LISTED_MAX;
  return `${names.slice(0, LISTED_MAX).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function days(count: number): string {
  return count === 1 ? "1 day" : `${count} days`;
}
