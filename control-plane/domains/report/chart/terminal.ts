// A series of numbers as a picture of characters, for terminals.
import plot from "simple-ascii-chart";
import type { Interval } from "../traffic/zone.ts";
import { labelsOf } from "./time-axis.ts";
import { type Quantity, unitFor } from "./units.ts";

export interface TerminalStyle {
  readonly columns: number;
  readonly hasColors: boolean;
  /** Else plain ASCII. */
  readonly hasUnicode: boolean;
}

export interface DrawnSeries {
  readonly times: readonly Date[];
  /** Null is drawn as nothing. */
  readonly values: readonly (number | null)[];
  readonly interval: Interval;
  readonly timezone: string;
  readonly quantity: Quantity;
}

const ASCII = {
  axis: { n: " ", ns: "|", y: "+", nse: "+", x: "+", we: "-", e: " " },
  chart: { we: "-", wns: "+", ns: "|", nse: "+", wsn: "+", sne: "+", area: "#" },
};
const UNICODE = { axis: { n: " ", e: " " } };
/** Of the numbers at the side. */
const SIDE = 9;
const LABEL_COLUMNS = 12;
const TICKS = 4;

/** `largest`: what the axis reaches, so that several pictures can be compared; its numbers are in `unitFor` that. */
export function drawSeries(
  series: DrawnSeries,
  style: TerminalStyle,
  size: { height: number; largest: number },
): string {
  const { size: unit } = unitFor(series.quantity, size.largest);
  const ticks = ticksUpTo(size.largest / unit, series.quantity === "count" && unit === 1);
  const top = ticks.at(-1) ?? 1;
  const sideWidth = Math.max(...ticks.map((tick) => String(tick).length));
  const width = Math.max(style.columns - SIDE, 20);
  const labels = labelsOf(series.times, series.timezone, Math.floor(width / LABEL_COLUMNS));
  const points = series.values.map((value, index): [number, number] => [index, (value ?? 0) / unit]);
  // One point alone has no width.
  const [first] = points;
  if (points.length === 1 && first !== undefined) points.push([1, first[1]]);
  return plot(points, {
    ...{ width, height: size.height, fillArea: true, yRange: [0, top], customYAxisTicks: [...ticks] },
    customXAxisTicks: [...labels.keys()],
    // The library makes room at the side for the numbers of the series, and would cut longer ones of the axis.
    formatter: (value, { axis }) => (axis === "x" ? (labels.get(value) ?? "") : String(value).padStart(sideWidth)),
    symbols: style.hasUnicode ? UNICODE : ASCII,
    ...(style.hasColors ? { color: "ansiBlue" as const } : {}),
  })
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")
    .join("\n");
}

/** Round numbers from 0 to the first that is not below. */
function ticksUpTo(largest: number, isWhole: boolean): readonly number[] {
  if (largest <= 0) return [0, 1];
  const rough = largest / TICKS;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const steps = [1, 2, 2.5, 5, 10]
    .map((factor) => factor * magnitude)
    .filter((step) => !isWhole || Number.isInteger(step));
  const step = steps.find((candidate) => candidate >= rough) ?? 1;
  const count = Math.ceil(largest / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(6)));
}
