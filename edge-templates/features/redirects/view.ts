// From desired redirects to the `redirects` part of a document.
import type { DesiredDistribution } from "../../desired.ts";
import type { RedirectsInput } from "./schema.ts";

export function redirectsPart({ redirects }: DesiredDistribution): RedirectsInput | undefined {
  if (redirects.length === 0) return undefined;
  return redirects.map(({ source, target, status, isQueryKept }) => ({
    ...{ source, target, status },
    ...(isQueryKept ? { keep_query: true } : {}),
  }));
}
