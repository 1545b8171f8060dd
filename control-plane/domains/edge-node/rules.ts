// Decisions about groups and nodes that need nothing but their arguments.
import { isDeepStrictEqual } from "node:util";
import { ACCESS_LOG_KEPT_DAYS, type Capabilities, type LogStanding } from "../../../agents/contract.ts";

/** An edge that was not heard of for this long holds nobody up. */
const SEEN_WITHIN_MS = 60_000;

export function seenSince(now: Date): Date {
  return new Date(now.getTime() - SEEN_WITHIN_MS);
}

/** What every node can do: templates may use no more. Undefined when there is no node. */
export function sharedCapabilities(nodes: readonly Capabilities[]): Capabilities | undefined {
  const [first, ...others] = nodes;
  if (first === undefined) return undefined;
  return others.reduce<Capabilities>(
    (shared, node) => ({
      nginx: olderVersion(shared.nginx, node.nginx),
      http3: shared.http3 && node.http3,
      http2_directive: shared.http2_directive && node.http2_directive,
      balancer_keepalive: shared.balancer_keepalive && node.balancer_keepalive,
      brotli: shared.brotli && node.brotli,
    }),
    first,
  );
}

/** Nothing is lost from the one to the other. */
export function isGain(before: Capabilities | null, after: Capabilities): boolean {
  return before !== null && isDeepStrictEqual(sharedCapabilities([before, after]), before);
}

function olderVersion(one: string, other: string): string {
  return one.localeCompare(other, "en", { numeric: true }) <= 0 ? one : other;
}

type LogLoss = LogStanding["losses"][number];

const DAY_MS = 24 * 3600 * 1000;
/** As clocks of edges may be ahead. */
const AHEAD_MAX_MS = 5 * 60 * 1000;
/** More lines than any edge's disk holds. */
const LOST_LINES_MAX = 10_000_000_000;
/** As long as what is counted of traffic. */
export const LOSSES_KEPT_MS = 400 * DAY_MS;

/**
 * What an edge tells is brought within what can be, never refused: its report says more than this. Undefined: of a time
 * of which no lines are taken any more, so it was told of when it happened.
 */
export function believableLoss({ at, from, to, lines }: LogLoss, now: Date): LogLoss | undefined {
  const earliest = now.getTime() - ACCESS_LOG_KEPT_DAYS * DAY_MS;
  const latest = now.getTime() + AHEAD_MAX_MS;
  if (Math.max(from, to) < earliest) return undefined;
  const within = (ms: number) => Math.min(Math.max(ms, earliest), latest);
  return {
    at,
    from: within(Math.min(from, to)),
    to: within(Math.max(from, to)),
    lines: Math.min(lines, LOST_LINES_MAX),
  };
}
