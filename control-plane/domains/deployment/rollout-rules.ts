// When a new compiler's work goes on from the canary to the other groups. No input or output.

export interface CanaryMoment {
  /** The revision at which the canary's feed holds all of it; null until everything was compiled. */
  readonly target: number | null;
  readonly live: number;
  /** What every live edge has applied. */
  readonly applied: number;
  /** What the canary refuses that it did not refuse before: now, and when last looked. */
  readonly refused: number;
  readonly refusedThen: number;
  /** Since when it has all of it without a further refusal. */
  readonly quietSince: Date | null;
  readonly now: Date;
}

export interface CanaryLimits {
  readonly settleSeconds: number;
  readonly refusalsMax: number;
}

export type CanaryStep =
  | { readonly step: "wait"; readonly quietSince: Date | null; readonly reason: string | null }
  | { readonly step: "stop"; readonly reason: string }
  | { readonly step: "spread" };

export function canaryStep(moment: CanaryMoment, { settleSeconds, refusalsMax }: CanaryLimits): CanaryStep {
  const { target, live, applied, refused, refusedThen, quietSince, now } = moment;
  if (refused > refusalsMax) {
    return {
      step: "stop",
      reason: `its edges refuse ${refused} that they did not refuse before, more than ${refusalsMax}`,
    };
  }
  if (target === null) return { step: "wait", quietSince: null, reason: "everything is compiled for the canary" };
  if (live === 0) return { step: "wait", quietSince: null, reason: "no edge of the canary group was heard of lately" };
  if (applied < target) return { step: "wait", quietSince: null, reason: "the canary's edges apply it" };
  const since = quietSince === null || refused !== refusedThen ? now : quietSince;
  if (now.getTime() - since.getTime() >= settleSeconds * 1000) return { step: "spread" };
  return {
    step: "wait",
    quietSince: since,
    reason: `the canary has it; the others follow ${settleSeconds} s after that`,
  };
}
