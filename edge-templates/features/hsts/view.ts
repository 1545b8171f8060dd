// From a distribution's HSTS settings to the `hsts` part of a document.
import type { DesiredDistribution } from "../../desired.ts";

export function hstsPart({ hsts }: DesiredDistribution): string | undefined {
  if (hsts === null) return undefined;
  const { maxAgeSeconds, includeSubdomains, preload } = hsts;
  return `max-age=${maxAgeSeconds}${includeSubdomains ? "; includeSubDomains" : ""}${preload ? "; preload" : ""}`;
}
