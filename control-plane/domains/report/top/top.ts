// What a list of the most of something may be asked for, and how its entries are put in order. No I/O.
import type { FieldFault } from "../../../../platform/problem.ts";
import { TOP_KEPT_DAYS } from "../counted/tables.ts";
import type { Group } from "../traffic/dimensions.ts";
import type { Period } from "../traffic/zone.ts";

/** Values without number: only those that lead are ever read. Hosts below a wildcard are any that viewers think of. */
export const listedSubjects = ["url", "referrer", "user_agent", "error", "host"] as const;
export type ListedSubject = (typeof listedSubjects)[number];

/** Values of which there are few: traffic is counted by them anyway. */
export const groupSubjects = {
  country: "country",
  status: "status",
  status_class: "status_class",
  cache_status: "cache_status",
  protocol: "protocol",
  content_kind: "content_kind",
  edge: "edge_id",
  provider: "provider",
  distribution: "distribution_id",
} as const satisfies Record<string, Group>;
export type GroupSubject = keyof typeof groupSubjects;

export const topSubjects = [
  ...listedSubjects,
  "country",
  "status",
  "status_class",
  "cache_status",
  "protocol",
  "content_kind",
  "edge",
  "provider",
  "distribution",
] as const satisfies readonly (ListedSubject | GroupSubject)[];
export type TopSubject = (typeof topSubjects)[number];

export const topOrders = ["requests", "bytes"] as const;
export type TopOrder = (typeof topOrders)[number];

export const ENTRIES_MAX = 1_000;

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

export interface Sums {
  readonly requests: number;
  readonly bytes: number;
}

export interface TopEntry extends Sums {
  readonly value: string;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Without `from`: the last 24 hours, from the beginning of an hour on. */
export function periodOf(asked: { from?: Date | undefined; to?: Date | undefined }, now: Date): Period {
  const to = asked.to ?? now;
  return { from: asked.from ?? new Date(Math.floor((to.getTime() - DAY_MS) / HOUR_MS) * HOUR_MS), to };
}

export function periodFaults({ from, to }: Period, daysMax = TOP_KEPT_DAYS): FieldFault[] {
  if (from >= to) return [{ pointer: "?from", detail: "must be before `to`." }];
  const days = (to.getTime() - from.getTime()) / DAY_MS;
  if (days <= daysMax + 1) return [];
  return [{ pointer: "?from", detail: `must be at most ${daysMax} days before \`to\`: it is kept that long.` }];
}

export function isListed(by: TopSubject): by is ListedSubject {
  return listedSubjects.some((subject) => subject === by);
}

/** Those with most first; of equals, in the order of their characters. */
export function mostOf(entries: readonly TopEntry[], { orderBy, limit }: Pick<TopRequest, "orderBy" | "limit">) {
  const inOrder = [...entries].sort((a, b) => b[orderBy] - a[orderBy] || (a.value < b.value ? -1 : 1));
  return inOrder.slice(0, limit);
}

/** Of the whole, six digits: what is nothing has no share. */
export function shareOf(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part / whole) * 1e6) / 1e6;
}
