// When a month is closed. No I/O.
import type { ExactSums } from "./figures.ts";
import type { Period } from "./month.ts";

const HOUR_MS = 3_600_000;
/** Edges that were away bring their lines by then, and other providers say what they carried. */
const CLOSED_AFTER_MS = 72 * HOUR_MS;
/** Nobody holds up the invoices of all accounts for longer. */
const WAITED_FOR_ARREARS_MS = 7 * 24 * HOUR_MS;

export type CloseVerdict = "early" | "arrears" | "reconciliation" | "close";

export function closeVerdict(
  { to }: Period,
  now: Date,
  { hasArrears, isReconciled }: { hasArrears: boolean; isReconciled: boolean },
): CloseVerdict {
  const sinceMs = now.getTime() - to.getTime();
  if (sinceMs < CLOSED_AFTER_MS) return "early";
  if (hasArrears && sinceMs < WAITED_FOR_ARREARS_MS) return "arrears";
  return isReconciled ? "close" : "reconciliation";
}

/** What an account used, counted in three ways. */
export interface Countings {
  readonly total: ExactSums;
  readonly ofDistributions: ExactSums;
  readonly bytesOfEdges: bigint;
}

/** Its parts add up to the whole, whichever way it is divided. */
export function isSettled({ total, ofDistributions, bytesOfEdges }: Countings): boolean {
  return (
    ofDistributions.requests === total.requests && ofDistributions.bytes === total.bytes && bytesOfEdges === total.bytes
  );
}
