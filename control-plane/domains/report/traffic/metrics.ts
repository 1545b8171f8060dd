// What traffic reports can tell, and which sums, states and seconds each of it is made of. No I/O.

/** Sums over requests: they add up over time, distributions and everything else. */
export const sums = [
  "requests",
  "hits",
  "bytes_out",
  "hit_bytes",
  "bytes_in",
  "origin_requests",
  "origin_bytes",
  "errors",
  "status_1xx",
  "status_2xx",
  "status_3xx",
  "status_4xx",
] as const;
export type Sum = (typeof sums)[number];
/** States that merge without adding up: who came, and how long they waited. */
export const states = ["visitors", "ttfb"] as const;
export type State = (typeof states)[number];
export type Ingredient = Sum | State;

export const metrics = [
  "requests",
  "bytes",
  "bandwidth",
  "bytes_in",
  "hits",
  "hit_ratio",
  "byte_hit_ratio",
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
export type Metric = (typeof metrics)[number];
export const defaultMetrics: readonly Metric[] = ["requests", "bytes", "hit_ratio"];

export const ttfbQuantiles = { ttfb_p50: 0.5, ttfb_p95: 0.95, ttfb_p99: 0.99 } as const;
export type TtfbQuantile = keyof typeof ttfbQuantiles;

/** What is read of the ingredients: each sum, the number of visitors, and the quantiles of the time to the first byte. */
export const countedNames = [...sums, "visitors", "ttfb_p50", "ttfb_p95", "ttfb_p99"] as const;
export type CountedName = (typeof countedNames)[number];
export type Counted = ReadonlyMap<CountedName, number>;

interface Recipe {
  readonly of: readonly Ingredient[];
  /** `seconds`: how much of its time has passed. */
  make(count: (name: Sum | "visitors") => number, seconds: number): number;
}

const plain = (name: Sum): Recipe => ({ of: [name], make: (count) => count(name) });
const ratio = (part: Sum, whole: Sum): Recipe => ({
  of: [part, whole],
  make: (count) => (count(whole) === 0 ? 0 : rounded(count(part) / count(whole))),
});

const RECIPES: Readonly<Record<Exclude<Metric, TtfbQuantile>, Recipe>> = {
  requests: plain("requests"),
  bytes: plain("bytes_out"),
  bandwidth: {
    of: ["bytes_out"],
    make: (count, seconds) => (seconds <= 0 ? 0 : Math.round((count("bytes_out") * 8) / seconds)),
  },
  bytes_in: plain("bytes_in"),
  hits: plain("hits"),
  hit_ratio: ratio("hits", "requests"),
  byte_hit_ratio: ratio("hit_bytes", "bytes_out"),
  status_1xx: plain("status_1xx"),
  status_2xx: plain("status_2xx"),
  status_3xx: plain("status_3xx"),
  status_4xx: plain("status_4xx"),
  status_5xx: plain("errors"),
  errors: plain("errors"),
  error_rate: ratio("errors", "requests"),
  origin_requests: plain("origin_requests"),
  origin_bytes: plain("origin_bytes"),
  visitors: { of: ["visitors"], make: (count) => count("visitors") },
};

export function ingredientsOf(asked: readonly Metric[]): readonly Ingredient[] {
  return [...new Set(asked.flatMap((metric) => (isQuantile(metric) ? ["ttfb" as const] : RECIPES[metric].of)))];
}

/** A quantile of nothing is null. */
export type Values = { readonly [M in Metric]?: M extends TtfbQuantile ? number | null : number };

export function valuesOf(counted: Counted, asked: readonly Metric[], seconds: number): Values {
  const count = (name: Sum | "visitors") => counted.get(name) ?? 0;
  const values: { -readonly [M in keyof Values]: Values[M] } = {};
  for (const metric of asked) {
    if (isQuantile(metric)) values[metric] = counted.get(metric) ?? null;
    else values[metric] = RECIPES[metric].make(count, seconds);
  }
  return values;
}

function isQuantile(metric: Metric): metric is TtfbQuantile {
  return metric in ttfbQuantiles;
}

const RATIO_DIGITS = 1_000_000;

function rounded(value: number): number {
  return Math.round(value * RATIO_DIGITS) / RATIO_DIGITS;
}
