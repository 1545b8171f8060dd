// Whether an alert's condition holds for what was measured, and why, in words. No input or output.
import type { Condition, ConditionOf } from "./condition.ts";
import { grouped, needsRequests, percent, said, wordsOf } from "./metrics.ts";

export interface Verdict {
  readonly holds: boolean;
  /** Raised, this counts as recovered. */
  readonly isClear: boolean;
  readonly value: number | null;
  readonly reason: string;
  /** What it holds for, where there may be several: certificates. */
  readonly covers: readonly string[];
}

export interface Measured {
  readonly requests: number;
  readonly value: number;
}

export function judgeThreshold(condition: ConditionOf<"threshold">, { requests, value }: Measured): Verdict {
  const { metric, direction, recovery_value: recovery, window_minutes: minutes, requests_min: requestsMin } = condition;
  const neededMin = Math.max(requestsMin, needsRequests(metric) ? 1 : 0);
  if (requests < neededMin) return tooQuiet(requests, neededMin, `within ${lasting(minutes)}`);
  const isAbove = direction === "above";
  const limit = condition.value;
  const holds = isAbove ? value > limit : value < limit;
  const isRecovered = recovery === null ? !holds : isAbove ? value <= recovery : value >= recovery;
  const side = compared(value, limit, { more: "more than", less: "less than", same: "exactly" });
  const measured = `${capitalised(wordsOf(metric))} within ${lasting(minutes)}: ${said(metric, value)}`;
  return {
    ...{ holds, isClear: isRecovered, value, covers: [] },
    reason: `${measured}, ${side} ${said(metric, limit)}.`,
  };
}

export function judgeErrorRate(condition: ConditionOf<"error_rate">, { requests, value: errors }: Measured): Verdict {
  const { percent: limit, recovery_percent: recovery, window_minutes: minutes, requests_min: requestsMin } = condition;
  const neededMin = Math.max(requestsMin, 1);
  if (requests < neededMin) return tooQuiet(requests, neededMin, `within ${lasting(minutes)}`);
  const value = (errors / requests) * 100;
  const holds = value > limit;
  const side = compared(value, limit, { more: "more than", less: "less than", same: "exactly" });
  const share = `${percent(value)} of ${grouped(requests)} requests within ${lasting(minutes)}`;
  return {
    ...{ holds, isClear: recovery === null ? !holds : value <= recovery, value, covers: [] },
    reason: `${share} were answered with an error (5xx), ${side} ${percent(limit)}.`,
  };
}

export interface Weeks {
  readonly now: Measured;
  /** Undefined: what it is about was not there yet. */
  readonly lastWeek: Measured | undefined;
}

export function judgeDrop(condition: ConditionOf<"drop">, { now, lastWeek }: Weeks): Verdict {
  const { metric, percent: limit, recovery_percent: recovery, requests_min: requestsMin } = condition;
  if (lastWeek === undefined) {
    return nothingToJudge("There is nothing to compare with: it is younger than a week and an hour.");
  }
  const neededMin = Math.max(requestsMin, 1);
  if (lastWeek.requests < neededMin) return tooQuiet(lastWeek.requests, neededMin, "in the same hour of last week");
  if (lastWeek.value <= 0) return nothingToJudge("There is nothing to compare with in the same hour of last week.");
  const value = (1 - now.value / lastWeek.value) * 100;
  const holds = value >= limit;
  const numbers = `${said(metric, now.value)} in the last hour, ${said(metric, lastWeek.value)} in the same hour of last week`;
  const change = value >= 0 ? `${percent(value)} less` : `${percent(-value)} more`;
  return {
    ...{ holds, isClear: recovery === null ? !holds : value <= recovery, value, covers: [] },
    reason: `${capitalised(wordsOf(metric))}: ${numbers}: ${change}; the limit is ${percent(limit)} less.`,
  };
}

const DAY_MS = 24 * 60 * 60 * 1000;
const NAMED_MAX = 10;

export interface EndingCertificate {
  readonly id: string;
  readonly fingerprint: string;
  readonly name: string;
  readonly notAfter: Date;
}

/** `ending`: those that end soon at all, in any order. */
export function judgeExpiry(
  { days }: ConditionOf<"certificate_expiry">,
  ending: readonly EndingCertificate[],
  at: Date,
): Verdict {
  const leftMs = ({ notAfter }: EndingCertificate) => notAfter.getTime() - at.getTime();
  const due = ending.filter((one) => leftMs(one) <= days * DAY_MS).sort((a, b) => leftMs(a) - leftMs(b));
  const [first] = due;
  if (first === undefined) {
    return {
      holds: false,
      isClear: true,
      value: null,
      covers: [],
      reason: `No certificate ends within ${counted(days, "day")}.`,
    };
  }
  const named = due.slice(0, NAMED_MAX).map((one) => `${one.name} ${endOf(one, at)}`);
  const more = due.length > NAMED_MAX ? ` and ${due.length - NAMED_MAX} more` : "";
  return {
    ...{ holds: true, isClear: false, value: Math.max(0, Math.ceil(leftMs(first) / DAY_MS)) },
    // Another chain in its place is another certificate.
    covers: due.map(({ id, fingerprint }) => `${id}:${fingerprint}`),
    reason: `${due.length === 1 ? "The certificate" : "Certificates:"} ${named.join(", ")}${more}.`,
  };
}

function endOf({ notAfter }: EndingCertificate, at: Date): string {
  const until = `${notAfter.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const days = Math.ceil((notAfter.getTime() - at.getTime()) / DAY_MS);
  return days <= 0 ? `expired on ${until}` : `expires in ${counted(days, "day")}, on ${until}`;
}

function tooQuiet(requests: number, requestsMin: number, when: string): Verdict {
  const had = requests === 0 ? "No requests" : counted(requests, "request");
  return nothingToJudge(`${had} ${when}: below ${grouped(requestsMin)} there is nothing to judge.`);
}

/**
 * While edges cannot send their lines, what was counted is too little: nobody is told that there is less than there should be,
 * or that there is no longer too much. What is too much even so is.
 */
export function isBelievedWhileLinesAreMissing(condition: Condition, { holds }: Verdict): boolean {
  if (condition.type === "certificate_expiry") return true;
  const isOfTooLittle =
    condition.type === "drop" || (condition.type === "threshold" && condition.direction === "below");
  return holds && !isOfTooLittle;
}

/** Too little to say that anything is wrong. */
export function nothingToJudge(reason: string): Verdict {
  return { holds: false, isClear: true, value: null, reason, covers: [] };
}

function compared(value: number, limit: number, words: { more: string; less: string; same: string }): string {
  if (value === limit) return words.same;
  return value > limit ? words.more : words.less;
}

function lasting(minutes: number): string {
  return minutes % 60 === 0 ? counted(minutes / 60, "hour") : counted(minutes, "minute");
}

function counted(count: number, what: string): string {
  return `${grouped(count)} ${what}${count === 1 ? "" : "s"}`;
}

function capitalised(words: string): string {
  return `${words[0]?.toUpperCase()}${words.slice(1)}`;
}
