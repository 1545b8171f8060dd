// From desired rate limits to the `limits` part of a document.
import type { DesiredDistribution } from "../../desired.ts";
import type { LimitsInput } from "./schema.ts";

export function limitsPart({ rateLimits }: DesiredDistribution): LimitsInput | undefined {
  if (rateLimits.length === 0) return undefined;
  return rateLimits.map(({ paths, requests, perSeconds, burst }) => ({ paths, requests, per: perSeconds, burst }));
}
