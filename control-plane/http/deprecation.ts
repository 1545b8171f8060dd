// A route that has seen its day says so in every answer: RFC 9745 since when, RFC 8594 until when, and what to use instead.
import type { Deprecation } from "./define-route.ts";

export function deprecationHeaders({ since, sunset, link }: Deprecation): Record<string, string> {
  return {
    deprecation: `@${Math.floor(dateOf(since).getTime() / 1000)}`,
    ...(sunset === undefined ? {} : { sunset: dateOf(sunset).toUTCString() }),
    ...(link === undefined ? {} : { link: `<${link}>; rel="deprecation"; type="text/html"` }),
  };
}

function dateOf(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new Error(`a route is deprecated at ${text}, which is no ISO date`);
  return date;
}
