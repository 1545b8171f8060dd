// Decisions about groups and nodes that need nothing but their arguments.
import { isDeepStrictEqual } from "node:util";
import type { Capabilities } from "../../../agents/contract.ts";

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
