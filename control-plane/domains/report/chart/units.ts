// Numbers of traffic as people read them: scaled to a unit, with as many digits as they take in. No I/O.
import type { Metric } from "../traffic/metrics.ts";

export type Quantity = "count" | "bytes" | "bits-per-second" | "ratio" | "milliseconds";

const QUANTITIES = {
  requests: "count",
  bytes: "bytes",
  bandwidth: "bits-per-second",
  bytes_in: "bytes",
  hits: "count",
  hit_ratio: "ratio",
  byte_hit_ratio: "ratio",
  status_1xx: "count",
  status_2xx: "count",
  status_3xx: "count",
  status_4xx: "count",
  status_5xx: "count",
  errors: "count",
  error_rate: "ratio",
  origin_requests: "count",
  origin_bytes: "bytes",
  ttfb_p50: "milliseconds",
  ttfb_p95: "milliseconds",
  ttfb_p99: "milliseconds",
  visitors: "count",
} satisfies Record<Metric, Quantity>;

export function quantityOf(metric: Metric): Quantity {
  return QUANTITIES[metric];
}

export interface Unit {
  /** Empty: none. */
  readonly name: string;
  /** Of the number as reports tell it. */
  readonly size: number;
}

// Of a thousand each, as traffic is billed; counts say thousands and millions.
const UNITS: Readonly<Record<Quantity, readonly Unit[]>> = {
  count: unitsOf(["", "thousand", "million", "billion"]),
  bytes: unitsOf(["B", "kB", "MB", "GB", "TB", "PB"]),
  "bits-per-second": unitsOf(["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]),
  ratio: [{ name: "%", size: 0.01 }],
  milliseconds: [
    { name: "ms", size: 1 },
    { name: "s", size: 1_000 },
  ],
};

function unitsOf(names: readonly string[]): readonly Unit[] {
  return names.map((name, index) => ({ name, size: 1_000 ** index }));
}

/** The largest in which the number is at least one; whole numbers below ten thousand need none. */
export function unitFor(quantity: Quantity, largest: number): Unit {
  const units = UNITS[quantity];
  const fitting = units.filter(({ size }) => largest >= (quantity === "count" && size === 1_000 ? 10_000 : size));
  const unit = fitting.at(-1) ?? units[0];
  if (unit === undefined) throw new Error(`${quantity} has no unit`);
  return unit;
}

/** `9.12 GB`, `48,210`, `95 %`; null is told of nothing. */
export function told(quantity: Quantity, value: number | null): string {
  if (value === null) return "–";
  if (quantity === "count" && value < 1_000_000) return grouped(Math.round(value));
  const unit = unitFor(quantity, value);
  return unit.name === "" ? digits(value / unit.size) : `${digits(value / unit.size)} ${unit.name}`;
}

/** Three digits that count. */
function digits(value: number): string {
  return value >= 1_000 ? grouped(Math.round(value)) : String(Number(value.toPrecision(3)));
}

function grouped(value: number): string {
  return new Intl.NumberFormat("en-GB").format(value);
}
