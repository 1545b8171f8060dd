// What alerts can watch: the metrics of the traffic reports, and how a person reads their numbers. No input or output.

type Unit = "count" | "bytes" | "bits_per_second" | "share" | "ms";

interface Metric {
  readonly words: string;
  readonly unit: Unit;
}

export const alertMetrics = [
  "requests",
  "bytes",
  "bandwidth",
  "hits",
  "hit_ratio",
  "byte_hit_ratio",
  "bytes_in",
  "status_1xx",
  "status_2xx",
  "status_3xx",
  "status_4xx",
  "status_5xx",
  "errors",
  "error_rate",
  "origin_requests",
  "origin_bytes",
  "ttfb_p50",
  "ttfb_p95",
  "ttfb_p99",
  "visitors",
] as const;
export type AlertMetric = (typeof alertMetrics)[number];

const METRICS: Readonly<Record<AlertMetric, Metric>> = {
  requests: { words: "requests", unit: "count" },
  bytes: { words: "bytes sent", unit: "bytes" },
  bandwidth: { words: "bandwidth", unit: "bits_per_second" },
  hits: { words: "hits", unit: "count" },
  hit_ratio: { words: "hit ratio by requests", unit: "share" },
  byte_hit_ratio: { words: "hit ratio by bytes", unit: "share" },
  bytes_in: { words: "bytes received", unit: "bytes" },
  status_1xx: { words: "answers 1xx", unit: "count" },
  status_2xx: { words: "answers 2xx", unit: "count" },
  status_3xx: { words: "answers 3xx", unit: "count" },
  status_4xx: { words: "answers 4xx", unit: "count" },
  status_5xx: { words: "answers 5xx", unit: "count" },
  errors: { words: "errors (5xx)", unit: "count" },
  error_rate: { words: "share of errors (5xx)", unit: "share" },
  origin_requests: { words: "requests to origins", unit: "count" },
  origin_bytes: { words: "bytes from origins", unit: "bytes" },
  ttfb_p50: { words: "time to the first byte, median", unit: "ms" },
  ttfb_p95: { words: "time to the first byte, 95th percentile", unit: "ms" },
  ttfb_p99: { words: "time to the first byte, 99th percentile", unit: "ms" },
  visitors: { words: "visitors", unit: "count" },
};

/** Without a request there is none. */
export function needsRequests(metric: AlertMetric): boolean {
  const { unit } = METRICS[metric];
  return unit === "share" || unit === "ms";
}

export function wordsOf(metric: AlertMetric): string {
  return METRICS[metric].words;
}

export function isShare(metric: AlertMetric): boolean {
  return METRICS[metric].unit === "share";
}

/** A number of this metric, for a person. */
export function said(metric: AlertMetric, value: number): string {
  return SAID[METRICS[metric].unit](value);
}

const SAID = {
  count: (value) => grouped(Math.round(value)),
  bytes: (value) => scaled(value, ["B", "KB", "MB", "GB", "TB", "PB"]),
  bits_per_second: (value) => scaled(value, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]),
  share: (value) => percent(value * 100),
  ms: (value) => `${grouped(Math.round(value))} ms`,
} satisfies Record<Unit, (value: number) => string>;

export function percent(value: number): string {
  return `${trimmed(value)} %`;
}

export function grouped(value: number): string {
  return value.toLocaleString("en-US");
}

function scaled(value: number, units: readonly string[]): string {
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(value, 1)) / 3)));
  return `${trimmed(value / 1000 ** step)} ${units[step]}`;
}

function trimmed(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 2 });
}
