// What has to be measured so that alerts can be judged: the questions of thousands of alerts are few, since many have the same
// period. No input or output.
import { type Metric, scopeKey } from "../report/index.ts";
import type { Condition } from "./condition.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const WEEK_MS = 7 * 24 * HOUR_MS;
/** Edges send their lines every few seconds; what comes later counts in the next minutes, whose windows overlap with this one. */
const LATE_MS = MINUTE_MS;

export interface Scope {
  readonly accountId: string;
  /** Null: all that the account has. */
  readonly distributionId: string | null;
}

export interface Need extends Scope {
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
  readonly metrics: readonly Metric[];
}

export interface Question {
  readonly from: Date;
  readonly to: Date;
  readonly metrics: readonly Metric[];
  readonly of: readonly Scope[];
}

/** The end of what is judged now. */
export function judgedUntil(now: Date): Date {
  return new Date(Math.floor((now.getTime() - LATE_MS) / MINUTE_MS) * MINUTE_MS);
}

export function needsOf(condition: Condition, scope: Scope, until: Date): readonly Need[] {
  const { accountId, distributionId } = scope;
  const before = (to: Date, ms: number) => ({ accountId, distributionId, from: new Date(to.getTime() - ms), to });
  switch (condition.type) {
    case "threshold":
      return [{ ...before(until, condition.window_minutes * MINUTE_MS), metrics: ["requests", condition.metric] }];
    case "error_rate":
      return [{ ...before(until, condition.window_minutes * MINUTE_MS), metrics: ["requests", "errors"] }];
    case "drop": {
      const lastWeek = new Date(until.getTime() - WEEK_MS);
      const metrics = ["requests", condition.metric] as const;
      return [
        { ...before(until, HOUR_MS), metrics },
        { ...before(lastWeek, HOUR_MS), metrics },
      ];
    }
    case "certificate_expiry":
      return [];
  }
}

/** One question for each period, about everybody who needs it: what takes longer to count is asked apart. */
export function questionsOf(needs: readonly Need[]): readonly Question[] {
  const byPeriod = new Map<string, { from: Date; to: Date; metrics: Set<Metric>; of: Map<string, Scope> }>();
  for (const { from, to, metrics, accountId, distributionId } of needs) {
    const key = questionKey({ from, to, metrics });
    const question = byPeriod.get(key) ?? { from, to, metrics: new Set(), of: new Map() };
    for (const metric of metrics) question.metrics.add(metric);
    question.of.set(scopeKey({ accountId, distributionId }), { accountId, distributionId });
    byPeriod.set(key, question);
  }
  return [...byPeriod.values()].map(({ from, to, metrics, of }) => ({
    ...{ from, to, metrics: [...metrics], of: [...of.values()] },
  }));
}

export function questionKey({ from, to, metrics }: Pick<Need, "from" | "to" | "metrics">): string {
  const isSlow = metrics.some((metric) => SLOW.has(metric));
  return `${from.getTime()}/${to.getTime()}/${isSlow ? "slow" : "quick"}`;
}

/** These are no sums: they may have to be read off the requests themselves. */
const SLOW: ReadonlySet<Metric> = new Set(["visitors", "ttfb_p50", "ttfb_p95", "ttfb_p99"]);
