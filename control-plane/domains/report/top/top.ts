// What a list of the most of something may be asked for, and the period it is of. No I/O.
import type { FieldFault } from "../../../../platform/problem.ts";

export const topSubjects = [
  "url",
  "host",
  "referrer",
  "user_agent",
  "status",
  "status_class",
  "cache_status",
  "protocol",
  "edge",
  "distribution",
  "error",
] as const;
export type TopSubject = (typeof topSubjects)[number];

export const topOrders = ["requests", "bytes"] as const;
export type TopOrder = (typeof topOrders)[number];

export const ENTRIES_MAX = 1_000;

export interface Period {
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
}

/** Whose traffic: of one distribution, or of the whole account. */
export interface TrafficScope {
  readonly accountId: string;
  readonly distributionId: string | undefined;
}

export interface TopRequest extends Period {
  readonly by: TopSubject;
  readonly orderBy: TopOrder;
  readonly limit: number;
}

export interface TopEntry {
  readonly value: string;
  readonly requests: number;
  readonly bytes: number;
}

export interface Sums {
  readonly requests: number;
  readonly bytes: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** As the table access_log keeps lines. */
const KEPT_DAYS = 90;

/** Without `from`: the last 24 hours, from the beginning of an hour on. */
export function periodOf(asked: { from?: Date | undefined; to?: Date | undefined }, now: Date): Period {
  const to = asked.to ?? now;
  return { from: asked.from ?? new Date(Math.floor((to.getTime() - DAY_MS) / HOUR_MS) * HOUR_MS), to };
}

export function periodFaults({ from, to }: Period): FieldFault[] {
  if (from >= to) return [{ pointer: "?from", detail: "must be before `to`." }];
  const days = (to.getTime() - from.getTime()) / DAY_MS;
  if (days <= KEPT_DAYS + 1) return [];
  return [{ pointer: "?from", detail: `must be at most ${KEPT_DAYS} days before \`to\`: it is kept that long.` }];
}

/** Of the whole, six digits: what is nothing has no share. */
export function shareOf(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part / whole) * 1e6) / 1e6;
}
