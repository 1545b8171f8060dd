// What becomes of a deployment, and what its distribution's status is. No input or output.
import type { OpenedSecret } from "../edge-secret/index.ts";
import type { AppendResult } from "../feed/index.ts";
import type { DeploymentRow, DeploymentState } from "./store.ts";

/** A certificate as it is appended to the feed. */
export interface ShownCertificate {
  readonly id: string;
  readonly version: number;
  readonly body: string;
}

/** What the compiler made of one distribution. */
export type Compilation = { readonly id: string; readonly sourceVersion: number } & (
  | {
      readonly kind: "document";
      /** The edge groups that it is kept to; null: all of them. */
      readonly edgeGroupIds: readonly string[] | null;
      readonly body: string;
      readonly hash: string;
      readonly secrets: readonly OpenedSecret[];
      /** What it is served with; null: none of its own. */
      readonly certificate: ShownCertificate | null;
    }
  | { readonly kind: "nothing" }
  | { readonly kind: "refusal"; readonly edgeGroupIds: readonly string[] | null; readonly reason: string }
);

type Outcome = Pick<DeploymentRow, "rev" | "source_version" | "state" | "refused_stage" | "reason">;

/** Only then does it begin anew, and `updated_at` with it. */
export function isSameOutcome(last: Outcome | undefined, next: Outcome): boolean {
  return last?.rev === next.rev && last.state === next.state && last.reason === next.reason;
}

/** `appended` is absent for a refusal: nothing was appended, the last good document stays. Undefined: nothing changes. */
export function deploymentAfter(
  last: DeploymentRow | undefined,
  compilation: Compilation,
  appended: AppendResult | undefined,
  groupHasNodes: boolean,
): Outcome | undefined {
  const next = {
    rev: appended?.rev ?? 0,
    source_version: compilation.sourceVersion,
    refused_stage: null,
    reason: null,
  };
  if (compilation.kind === "refusal") {
    return { ...next, rev: last?.rev ?? 0, state: "refused", refused_stage: "compile", reason: compilation.reason };
  }
  if (appended === undefined || appended.outcome === "stale") return undefined;
  // There is nothing to take away.
  if (appended.rev === 0) return { ...next, state: "removed" };
  // The record says the same already: what was waited for is waited for, unless that was a better source.
  const isKnown = appended.outcome === "unchanged" && last !== undefined && last.refused_stage !== "compile";
  if (isKnown) return { ...last, source_version: compilation.sourceVersion };
  if (compilation.kind === "document") return { ...next, state: "deploying" };
  return { ...next, state: groupHasNodes ? "removing" : "removed" };
}

export interface ScopeState {
  readonly state: DeploymentState;
  readonly reason: string | null;
  /** Some node of the scope was seen lately. */
  readonly isLive: boolean;
}

export type DistributionOutcome =
  | { readonly status: "deploying" | "active" | "removed"; readonly reason: null }
  | { readonly status: "failed"; readonly reason: string | null };

/** One status out of several scopes. Scopes without a live node hold nobody up, unless there are no others. */
export function outcomeOf(scopes: readonly ScopeState[]): DistributionOutcome {
  const refused = scopes.find((scope) => scope.state === "refused");
  if (refused !== undefined) return { status: "failed", reason: refused.reason };
  const live = scopes.filter((scope) => scope.isLive);
  const states = new Set((live.length > 0 ? live : scopes).map((scope) => scope.state));
  const found = STATUSES.find(([state]) => states.has(state));
  if (found !== undefined) return { status: found[1], reason: null };
  // What is kept to groups that are not live is nothing in those that are.
  const away = new Set(scopes.map((scope) => scope.state));
  if (away.has("deploying")) return { status: "deploying", reason: null };
  return { status: away.has("active") ? "active" : "removed", reason: null };
}

/** The first that occurs among the scopes. */
const STATUSES = [
  ["deploying", "deploying"],
  ["active", "active"],
  ["removing", "deploying"],
] as const;
