// How an alert stands, and what a judgement makes of that. No input or output, no clock.
import type { Verdict } from "./judge.ts";

const MINUTE_MS = 60_000;
/** Who was not judged for longer is judged anew: nobody knows what was in between. */
export const GAP_MS = 5 * MINUTE_MS;
/** A judgement that is further ahead of now than this was made by a clock that was wrong. */
const AHEAD_MAX_MS = 10 * MINUTE_MS;

export interface AlertState {
  readonly status: "ok" | "pending" | "raised";
  readonly since: Date;
  /** Since when the condition has held without a break; null: it does not. */
  readonly holdingSince: Date | null;
  /** Raised: since when it has been clear without a break. */
  readonly clearSince: Date | null;
  /** Null: it was never judged. */
  readonly judgedUntil: Date | null;
  readonly value: number | null;
  readonly reason: string | null;
  /** The certificates that it was raised for. */
  readonly covered: readonly string[];
  /** Whether the last that people and programs were told is that it is raised. */
  readonly isTold: boolean;
}

export interface Hysteresis {
  readonly raiseAfterMinutes: number;
  readonly resolveAfterMinutes: number;
}

export type Turn = "raised" | "resolved";

export interface Step {
  readonly state: AlertState;
  /** What its history gets of it; undefined: nothing. */
  readonly turn: Turn | undefined;
}

export function newState(now: Date): AlertState {
  return {
    ...{ status: "ok", since: now, holdingSince: null, clearSince: null, judgedUntil: null },
    ...{ value: null, reason: null, covered: [], isTold: false },
  };
}

/** Whether what was judged up to `until` is news: a minute is judged once, whoever judges it again. */
export function isDue({ judgedUntil }: Pick<AlertState, "judgedUntil">, until: Date): boolean {
  if (judgedUntil === null || judgedUntil < until) return true;
  return judgedUntil.getTime() - until.getTime() > AHEAD_MAX_MS;
}

export function step(
  before: AlertState,
  verdict: Verdict,
  { until, hysteresis }: { until: Date; hysteresis: Hysteresis },
): Step {
  const state = isBroken(before, until) ? { ...before, holdingSince: null, clearSince: null } : before;
  const judged = { ...state, judgedUntil: until, value: verdict.value, reason: verdict.reason };
  return state.status === "raised"
    ? whileRaised(judged, verdict, { until, hysteresis })
    : whileNotRaised(judged, verdict, { until, hysteresis });
}

function whileNotRaised(
  state: AlertState,
  verdict: Verdict,
  { until, hysteresis }: { until: Date; hysteresis: Hysteresis },
): Step {
  if (!verdict.holds) {
    const since = state.status === "ok" ? state.since : until;
    return { state: { ...state, status: "ok", since, holdingSince: null }, turn: undefined };
  }
  const holdingSince = state.holdingSince ?? until;
  if (hasLasted(holdingSince, until, hysteresis.raiseAfterMinutes)) {
    const covered = verdict.covers;
    return {
      state: { ...state, status: "raised", since: until, holdingSince, clearSince: null, covered },
      turn: "raised",
    };
  }
  return { state: { ...state, status: "pending", since: holdingSince, holdingSince }, turn: undefined };
}

function whileRaised(
  state: AlertState,
  verdict: Verdict,
  { until, hysteresis }: { until: Date; hysteresis: Hysteresis },
): Step {
  if (!verdict.isClear) {
    const covered = verdict.covers;
    const hasMore = covered.some((one) => !state.covered.includes(one));
    // Of what has come to it since, nobody was told.
    if (hasMore) return { state: { ...state, clearSince: null, covered, isTold: false }, turn: "raised" };
    return { state: { ...state, clearSince: null, covered }, turn: undefined };
  }
  const clearSince = state.clearSince ?? until;
  if (!hasLasted(clearSince, until, hysteresis.resolveAfterMinutes)) {
    return { state: { ...state, clearSince }, turn: undefined };
  }
  const resolved = { status: "ok", since: until, holdingSince: null, clearSince: null, covered: [] } as const;
  return { state: { ...state, ...resolved }, turn: "resolved" };
}

function isBroken({ judgedUntil }: AlertState, until: Date): boolean {
  return judgedUntil !== null && Math.abs(until.getTime() - judgedUntil.getTime()) > GAP_MS;
}

function hasLasted(since: Date, until: Date, minutes: number): boolean {
  return until.getTime() - since.getTime() >= minutes * MINUTE_MS;
}

/** What people and programs are to be told now, so that they know how it stands; undefined: they do. */
export function toBeTold({ status, isTold }: AlertState, isMuted: boolean): Turn | undefined {
  const isRaised = status === "raised";
  if (isMuted || isRaised === isTold) return undefined;
  return isRaised ? "raised" : "resolved";
}
