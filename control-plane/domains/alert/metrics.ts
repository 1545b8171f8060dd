// How a person reads the metrics of the traffic reports, which are what alerts can watch. No input or output.
import type { Metric } from "../report/index.ts";

type Unit = "count" | "bytes" | "bits_per_second" | "share" | "ms";

interface Meaning {
  readonly words: string;
  readonly unit: Unit;
}

const METRICS: Readonly<Record<Metric, Meaning>> = {
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
  ttfb_p50: { words: "median of the time to the first byte", unit: "ms" },
  ttfb_p95: { words: "95th percentile of the time to the first byte", unit: "ms" },
  ttfb_p99: { words: "99th percentile of the time to the first byte", unit: "ms" },
  visitors: { words: "visitors", unit: "count" },
};

/** Without a request there is none. */
export function needsRequests(metric: Metric): boolean {
  const { unit } = METRICS[metric];
  return unit === "share" || unit === "ms";
}

export function wordsOf(metric: Metric): string {
  return METRICS[metric].words;
}

export function isShare(metric: Metric): boolean {
  return METRICS[metric].unit === "share";
}

/** A number of this metric, for a person. */
export function said(metric: Metric, value: number): string {
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
