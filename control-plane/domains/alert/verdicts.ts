// Judges many alerts at once: asks what has to be asked, once for each period, and judges each by the answers. What could not
// be measured is not judged.
import type { Logger } from "../../../platform/log.ts";
import type { Database } from "../../database/transaction.ts";
import { type ExpiringOfAccount, findExpiringOf } from "../certificate/index.ts";
import type { Metric } from "../report/index.ts";
import { type Condition, DAYS_MAX } from "./condition.ts";
import {
  isBelievedWhileLinesAreMissing,
  judgeDrop,
  judgeErrorRate,
  judgeExpiry,
  judgeThreshold,
  type Measured,
  nothingToJudge,
  type Verdict,
} from "./judge.ts";
import { type Measuring, measureAll, measuredOf, type Numbers } from "./measuring.ts";
import { type Need, needsOf } from "./needs.ts";
import { findAccounts, findDistributions, type WatchedAccount, type WatchedDistribution } from "./read-model.ts";
import type { AlertRecord } from "./store.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

export type Outcome =
  | { readonly kind: "judged"; readonly verdict: Verdict }
  /** What it is about is gone. */
  | { readonly kind: "ended"; readonly reason: string };

export interface Judging {
  readonly db: Database;
  readonly measures: Measuring;
  readonly log: Logger;
  /** The end of what is judged of traffic; certificates are judged by what is now. */
  readonly until: Date;
  readonly now: Date;
  /** Accounts of whose traffic lines of that time may still be on edges. */
  readonly withMissingLines: ReadonlySet<string>;
}

/** By the ids of the alerts; those that cannot be judged now are not among them. */
export async function outcomesOf(
  alerts: readonly AlertRecord[],
  judging: Judging,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Outcome>> {
  const { db, until } = judging;
  const distributions = await findDistributions(
    db,
    alerts.flatMap(({ distributionId }) => distributionId ?? []),
  );
  const accounts = await findAccounts(db, [...new Set(alerts.map(({ accountId }) => accountId))]);
  const expiring = await findCertificates(alerts, judging);
  const needs = new Map(alerts.map((alert) => [alert.id, needsOf(alert.condition, alert, until)]));
  const numbers = await measureAll([...needs.values()].flat(), judging, signal);

  const outcomes = new Map<string, Outcome>();
  for (const alert of alerts) {
    const distribution = alert.distributionId === null ? undefined : distributions.get(alert.distributionId);
    const account = accounts.get(alert.accountId);
    const seen = { account, distribution, expiring, measured: measuredOf(needs.get(alert.id) ?? [], numbers) };
    const outcome = outcomeOf(alert, seen, judging);
    if (outcome !== undefined) outcomes.set(alert.id, outcome);
  }
  return outcomes;
}

interface Seen {
  readonly account: WatchedAccount | undefined;
  readonly distribution: WatchedDistribution | undefined;
  readonly expiring: readonly ExpiringOfAccount[];
  /** In the order of its needs; undefined: not to be had. */
  readonly measured: readonly Numbers[] | undefined;
}

function outcomeOf(alert: AlertRecord, seen: Seen, { until, now, withMissingLines }: Judging): Outcome | undefined {
  const { account, distribution, expiring, measured } = seen;
  const { accountId, distributionId, condition } = alert;
  if (distributionId !== null && (distribution === undefined || distribution.deleted_at !== null)) {
    return { kind: "ended", reason: "Its distribution was deleted." };
  }
  if (condition.type === "certificate_expiry") {
    const shown = distribution && (distribution.former_certificate_id ?? distribution.certificate_id);
    const theirs = expiring.filter((one) => one.accountId === accountId && (shown === undefined || one.id === shown));
    return judged(judgeExpiry(condition, theirs, now));
  }
  // What edges answer for these says nothing about anybody's site.
  if (distribution?.status === "disabled") return judged(nothingToJudge("The distribution is disabled."));
  if (account?.cut_off_at != null) return judged(nothingToJudge("The account is cut off: it is over its quota."));
  if (measured === undefined) return undefined;
  const bornAt = distributionId === null ? account?.created_at : distribution?.created_at;
  const verdict = verdictOf(condition, { measured, isYoung: isYounger(bornAt, needsOf(condition, alert, until)) });
  const hasMissingLines = withMissingLines.has(accountId);
  return hasMissingLines && !isBelievedWhileLinesAreMissing(condition, verdict) ? undefined : judged(verdict);
}

type OfTraffic = Exclude<Condition, { type: "certificate_expiry" }>;

function verdictOf(
  condition: OfTraffic,
  { measured: [now, before], isYoung }: { measured: readonly Numbers[]; isYoung: boolean },
): Verdict {
  switch (condition.type) {
    case "threshold":
      return judgeThreshold(condition, numbersOf(now, condition.metric));
    case "error_rate":
      return judgeErrorRate(condition, numbersOf(now, "errors"));
    case "drop": {
      const lastWeek = isYoung ? undefined : numbersOf(before, condition.metric);
      return judgeDrop(condition, { now: numbersOf(now, condition.metric), lastWeek });
    }
  }
}

/** Whether some of what it needs lies before it was there. */
function isYounger(bornAt: Date | undefined, needs: readonly Need[]): boolean {
  return bornAt === undefined || needs.some(({ from }) => from < bornAt);
}

function judged(verdict: Verdict): Outcome {
  return { kind: "judged", verdict };
}

function numbersOf(numbers: Numbers = {}, metric: Metric): Measured {
  return { requests: numbers.requests ?? 0, value: numbers[metric] ?? 0 };
}

async function findCertificates(
  alerts: readonly AlertRecord[],
  { db, now }: Judging,
): Promise<readonly ExpiringOfAccount[]> {
  const watching = alerts.filter(({ condition }) => condition.type === "certificate_expiry");
  const accountIds = [...new Set(watching.map(({ accountId }) => accountId))];
  return accountIds.length === 0 ? [] : findExpiringOf(db, accountIds, { now, aheadMs: DAYS_MAX * DAY_MS });
}
