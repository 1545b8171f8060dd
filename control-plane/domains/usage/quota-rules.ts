// How much an account may use in a month, and what follows from how much it has used. No I/O.
import type { PlatformRole } from "../../http/caller.ts";
import type { Month } from "./month.ts";

const quotaMetrics = ["requests", "bytes"] as const;
export type QuotaMetric = (typeof quotaMetrics)[number];

/** Of a month; null: as much as they like. */
export type Limits = Readonly<Record<QuotaMetric, number | null>>;
export type Used = Readonly<Record<QuotaMetric, number>>;

export interface Quota extends Limits {
  /** Over it, the account is cut off: see distribution/cut-off.ts. */
  readonly cutsOff: boolean;
  /** An operator has set it for this account, or it comes with the role of its owners. */
  readonly source: "account" | "default";
}

/** What accounts have of whom no operator has said anything. Moderators and admins have no limits. */
export interface DefaultQuotas {
  readonly user: Limits;
  readonly premium: Limits;
  readonly cutsOff: boolean;
}

const UNLIMITED: Limits = { requests: null, bytes: null };

/** The best of the owners' roles counts. */
export function defaultQuotaOf(roles: readonly PlatformRole[], { user, premium, cutsOff }: DefaultQuotas): Quota {
  const isStaff = roles.includes("admin") || roles.includes("moderator");
  const limits = isStaff ? UNLIMITED : roles.includes("premium") ? premium : user;
  return { ...limits, cutsOff, source: "default" };
}

export function hasDefaults({ user, premium }: DefaultQuotas): boolean {
  return [user, premium].some(isLimited);
}

export function isLimited(limits: Limits): boolean {
  return quotaMetrics.some((metric) => limits[metric] !== null);
}

/** A part of the quota that is used up, or nearly so. */
export interface Reached {
  readonly metric: QuotaMetric;
  readonly percent: 80 | 100;
  readonly limit: number;
  readonly used: number;
}

export function reachedOf(quota: Limits, used: Used): readonly Reached[] {
  return quotaMetrics.flatMap((metric) => {
    const limit = quota[metric];
    if (limit === null || used[metric] * 5 < limit * 4) return [];
    return [{ metric, percent: used[metric] < limit ? 80 : 100, limit, used: used[metric] } as const];
  });
}

export function isToBeCutOff(quota: Quota, reached: readonly Reached[]): boolean {
  return quota.cutsOff && reached.some(({ percent }) => percent === 100);
}

/**
 * What is said once: of each limit of each month at 80 and at 100 %. Another limit is another warning, and so is that the
 * account is cut off when it was over its quota before.
 */
export function onceOf(month: Month, { metric, percent, limit }: Reached, isCutOff: boolean): string {
  const level = percent === 100 && isCutOff ? "cut-off" : percent;
  return `usage:${month}:${metric}:${limit}:${level}`;
}
