// Gcore as its documentation describes it, strict: a wrong token, parameter or resource is refused. Tests only.
import { type OutsideAnswer, type OutsideRequest, startOutside } from "../test-outside.ts";

export const GCORE_TOKEN = "1234$abcdef";

const METRICS = new Set([
  "upstream_bytes",
  "sent_bytes",
  "requests",
  "responses_2xx",
  "responses_3xx",
  "responses_4xx",
  "responses_5xx",
  "responses_hit",
]);
const PARAMETERS = new Set(["service", "from", "to", "granularity", "metrics", "group_by", "resource"]);

export type GcoreMetrics = Readonly<Record<string, number>>;

/** `traffic`: by resource, then by the beginning of five minutes. A resource that is not in it does not exist. */
export async function startTestGcore(traffic: Map<string, Map<number, GcoreMetrics>>) {
  const outside = await startOutside((request) => answerTo(request, traffic));
  return {
    ...outside,
    /** What it says of a resource at a time from now on. */
    say(resource: string, at: Date, metrics: GcoreMetrics): void {
      const ofResource = traffic.get(resource) ?? new Map<number, GcoreMetrics>();
      ofResource.set(at.getTime(), metrics);
      traffic.set(resource, ofResource);
    },
  };
}

function answerTo(
  request: OutsideRequest,
  traffic: ReadonlyMap<string, ReadonlyMap<number, GcoreMetrics>>,
): OutsideAnswer {
  if (request.headers.authorization !== `APIKey ${GCORE_TOKEN}`) {
    return { status: 401, body: { message: "Invalid token" } };
  }
  if (request.method !== "GET") return refused("method", "not allowed");
  if (request.url.pathname === "/cdn/resources") {
    return { status: 200, body: { count: 0, next: null, previous: null, results: [] } };
  }
  if (request.url.pathname !== "/cdn/statistics/series") return { status: 404, body: { message: "Not found" } };
  return series(request.url.searchParams, traffic);
}

function series(
  asked: URLSearchParams,
  traffic: ReadonlyMap<string, ReadonlyMap<number, GcoreMetrics>>,
): OutsideAnswer {
  const unknown = [...asked.keys()].find((name) => !PARAMETERS.has(name));
  if (unknown !== undefined) return refused(unknown, "is unknown");
  const fixed = { service: "CDN", granularity: "5m", group_by: "resource" };
  for (const [name, value] of Object.entries(fixed)) {
    if (asked.get(name) !== value) return refused(name, `must be ${value}`);
  }
  const [from, to] = [Date.parse(asked.get("from") ?? ""), Date.parse(asked.get("to") ?? "")];
  if (!(from < to)) return refused("from", "must be earlier than to");
  const metrics = asked.getAll("metrics");
  const wrong = metrics.find((metric) => !METRICS.has(metric));
  if (wrong !== undefined || metrics.length === 0) return refused("metrics", `${wrong} is not a valid choice`);
  const resources = asked.getAll("resource");
  const missing = resources.find((resource) => !traffic.has(resource));
  if (missing !== undefined) return refused("resource", `CDN resource ${missing} does not exist`);

  const said = resources.map((resource) => {
    const times = [...(traffic.get(resource) ?? [])].filter(([time]) => time >= from && time < to);
    const ofMetric = (name: string) => times.map(([time, values]) => [time / 1000, values[name] ?? 0]);
    return [resource, { metrics: Object.fromEntries(metrics.map((name) => [name, ofMetric(name)])) }] as const;
  });
  return { status: 200, body: { resource: Object.fromEntries(said) } };
}

function refused(field: string, text: string): OutsideAnswer {
  return { status: 400, body: { errors: { [field]: [text] } } };
}
