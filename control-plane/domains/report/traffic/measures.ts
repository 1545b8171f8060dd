// Numbers of traffic for other domains: one row, a series, or many scopes at once, from whichever tables answer exactly.

import { type Asked, countTraffic } from "./count-traffic.ts";
import { type Counted, ingredientsOf, type Metric, valuesOf } from "./metrics.ts";
import type { ReportQueries } from "./report-queries.ts";
import type { Scope } from "./sql.ts";
import { earliest, endOf, type Interval, latest, type Period, secondsOf, startsOf } from "./zone.ts";

export interface MeasureScope {
  readonly accountId: string;
  /** Absent or null: all of the account's. */
  readonly distributionId?: string | null | undefined;
}

export interface Measured extends Period {
  readonly metrics: readonly Metric[];
}

/** 0 where there was nothing of which it could be told. */
export type Measurement<M extends Metric = Metric> = Readonly<Record<M, number>>;

export type Measures = ReturnType<typeof createMeasures>;

export function createMeasures({ queries, clock }: { queries: ReportQueries; clock: () => Date }) {
  async function count(
    scope: MeasureScope,
    asked: Pick<Asked, "period" | "starts" | "ingredients">,
    signal: AbortSignal,
  ) {
    const { accountId } = scope;
    const question = { ...asked, scope: scopeOf(scope), filter: {}, group: undefined, groupsMax: 0 };
    return countTraffic(question, { queries, accountId, now: clock(), signal });
  }

  async function measure<M extends Metric>(
    { metrics, from, to, ...scope }: MeasureScope & Measured & { readonly metrics: readonly M[] },
    signal: AbortSignal,
  ): Promise<Measurement<M>> {
    const period = { from, to };
    const { total } = await count(scope, { period, starts: [from], ingredients: ingredientsOf(metrics) }, signal);
    return measurementOf(total, metrics, secondsOf(period, clock()));
  }

  /** Every point of the period; one without traffic is zero. */
  async function series<M extends Metric>(
    asked: MeasureScope & Measured & SeriesOptions & { readonly metrics: readonly M[] },
    signal: AbortSignal,
  ): Promise<readonly { readonly time: Date; readonly values: Measurement<M> }[]> {
    const { metrics, from, to, interval, timezone = "UTC", ...scope } = asked;
    const period = { from, to };
    const starts = startsOf(period, interval, timezone);
    const { points } = await count(scope, { period, starts, ingredients: ingredientsOf(metrics) }, signal);
    const now = clock();
    return starts.map((time) => {
      const within = { from: latest(time, from), to: earliest(endOf(time, interval, timezone), to) };
      const counted = points.get(time.getTime())?.get("") ?? nothing;
      return { time, values: measurementOf(counted, metrics, secondsOf(within, now)) };
    });
  }

  /** What our own edges served of many scopes at once, by `scopeKey`; one without traffic is absent. */
  async function measureMany<M extends Metric>(
    { of, metrics, from, to }: Measured & { readonly of: readonly MeasureScope[]; readonly metrics: readonly M[] },
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Measurement<M>>> {
    const now = clock();
    const period = { from, to };
    const asked = {
      period,
      starts: [from],
      ingredients: ingredientsOf(metrics),
      filter: {},
      groupsMax: "all",
      isOfOwnEdges: true,
    } as const;
    const asking = { queries, accountId: EVERYBODY, source: "platform", now, signal } as const;
    const told = new Map<string, Measurement<M>>();
    for (const part of partsOf(of)) {
      const { groups } = await countTraffic({ ...asked, ...part }, asking);
      for (const scope of part.of) {
        const counted = groups.get(part.group === "account_id" ? scope.accountId : (scope.distributionId ?? ""));
        if (counted === undefined) continue;
        told.set(scopeKey(scope), measurementOf(counted, metrics, secondsOf(period, now)));
      }
    }
    return told;
  }

  return { measure, series, measureMany };
}

export interface SeriesOptions {
  readonly interval: Interval;
  readonly timezone?: string;
}

/** Who asks about many accounts. */
const EVERYBODY = "everybody";

export function scopeKey({ accountId, distributionId }: MeasureScope): string {
  return `${accountId}/${distributionId ?? "all"}`;
}

/** Whole accounts are counted apart from single distributions. */
function partsOf(of: readonly MeasureScope[]) {
  const whole = of.filter(({ distributionId }) => distributionId == null);
  const single = of.filter(({ distributionId }) => distributionId != null);
  const accountsOf = (scopes: readonly MeasureScope[]) => [...new Set(scopes.map(({ accountId }) => accountId))];
  const distributionIds = [...new Set(single.flatMap(({ distributionId }) => distributionId ?? []))];
  const parts = [
    { of: whole, group: "account_id", scope: { accountIds: accountsOf(whole), distributionIds: "all" } },
    { of: single, group: "distribution_id", scope: { accountIds: accountsOf(single), distributionIds } },
  ] as const;
  return parts.filter((part) => part.of.length > 0);
}

const nothing: Counted = new Map();

function scopeOf({ accountId, distributionId }: MeasureScope): Scope {
  return { accountIds: [accountId], distributionIds: distributionId == null ? "all" : [distributionId] };
}

function measurementOf<M extends Metric>(counted: Counted, asked: readonly M[], seconds: number): Measurement<M> {
  const values = valuesOf(counted, asked, seconds);
  const numbers: Partial<Record<Metric, number>> = {};
  for (const metric of asked) numbers[metric] = values[metric] ?? 0;
  if (hasAll(numbers, asked)) return numbers;
  throw new Error("a metric was not told");
}

function hasAll<M extends Metric>(
  numbers: Partial<Record<Metric, number>>,
  asked: readonly M[],
): numbers is Record<M, number> & Partial<Record<Metric, number>> {
  return asked.every((metric) => numbers[metric] !== undefined);
}
