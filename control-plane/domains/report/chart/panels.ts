// A report of traffic as the panels of a picture: metrics of a kind together, or each metric by its groups. No I/O.

import { invalidRequest } from "../../../http/problems.ts";
import type { Metric, Values } from "../traffic/metrics.ts";
import { OTHERS } from "../traffic/sql.ts";
import type { TrafficReport } from "../traffic/traffic.ts";
import { intervalNames } from "./time-axis.ts";
import { type Quantity, quantityOf, told } from "./units.ts";

export interface Series {
  readonly name: string;
  readonly color: string;
  readonly values: readonly (number | null)[];
}

export interface Panel {
  readonly title: string;
  /** What the whole period comes to. */
  readonly summary: string;
  readonly quantity: Quantity;
  /** A part of all there is, which is a hundred per cent. */
  readonly isOfWhole: boolean;
  /** Series that add up to something stand on each other. */
  readonly isStacked: boolean;
  readonly series: readonly Series[];
}

interface Kind {
  readonly title: string;
  readonly isStacked: boolean;
  /** Of how much there was in each interval. */
  readonly isPerInterval: boolean;
  readonly metrics: Readonly<Partial<Record<Metric, { readonly name: string; readonly color: string }>>>;
}

const BLUE = "#4e79a7";
const GREEN = "#59a14f";
const ORANGE = "#f28e2b";
const RED = "#e15759";
const GREY = "#8a8f98";
const VIOLET = "#b07aa1";

const KINDS: readonly Kind[] = [
  {
    ...{ title: "Requests", isStacked: false, isPerInterval: true },
    metrics: {
      requests: { name: "Requests", color: BLUE },
      hits: { name: "From the cache", color: GREEN },
      origin_requests: { name: "To the origin", color: ORANGE },
    },
  },
  {
    ...{ title: "Bytes", isStacked: false, isPerInterval: true },
    metrics: {
      bytes: { name: "Sent", color: BLUE },
      bytes_in: { name: "Received", color: VIOLET },
      origin_bytes: { name: "From the origin", color: ORANGE },
    },
  },
  { ...plain("Bandwidth", "bandwidth", BLUE), isPerInterval: false },
  {
    ...{ title: "Hit ratio", isStacked: false, isPerInterval: false },
    metrics: {
      hit_ratio: { name: "Of requests", color: BLUE },
      byte_hit_ratio: { name: "Of bytes", color: GREEN },
    },
  },
  {
    ...{ title: "Answers", isStacked: true, isPerInterval: true },
    metrics: {
      status_1xx: { name: "1xx", color: GREY },
      status_2xx: { name: "2xx", color: GREEN },
      status_3xx: { name: "3xx", color: BLUE },
      status_4xx: { name: "4xx", color: ORANGE },
      status_5xx: { name: "5xx", color: RED },
    },
  },
  { ...plain("Errors (5xx)", "errors", RED), isPerInterval: true },
  { ...plain("Error rate", "error_rate", RED), isPerInterval: false },
  {
    ...{ title: "Time to first byte", isStacked: false, isPerInterval: false },
    metrics: {
      ttfb_p50: { name: "Half within", color: GREEN },
      ttfb_p95: { name: "95 % within", color: ORANGE },
      ttfb_p99: { name: "99 % within", color: RED },
    },
  },
  { ...plain("Visitors", "visitors", VIOLET), isPerInterval: true },
];

function plain(title: string, metric: Metric, color: string): Omit<Kind, "isPerInterval"> {
  return { title, isStacked: false, metrics: { [metric]: { name: title, color } } };
}

/** Ten that people tell apart, on light and on dark. */
const GROUP_COLORS = [BLUE, ORANGE, RED, "#76b7b2", GREEN, "#edc948", VIOLET, "#ff9da7", "#9c755f", "#499894"];
/** The largest; the others are one series. */
export const SHOWN_GROUPS_MAX = 9;

/** On 960 columns of paper nobody tells more apart; and drawing holds up everybody else. */
const POINTS_DRAWN_MAX = 300;
const METRICS_DRAWN_MAX = 6;

/** Throws the 422 of what is too much for one picture. */
export function assertDrawable({ points, metrics, group }: TrafficReport): void {
  const times = new Set(points.map(({ time }) => time.getTime())).size;
  if (times > POINTS_DRAWN_MAX) {
    const detail = `gives ${times} points, and a picture has room for ${POINTS_DRAWN_MAX}: ask for a longer interval or a shorter period.`;
    throw invalidRequest([{ pointer: "?interval", detail }]);
  }
  if (group !== undefined && metrics.length > METRICS_DRAWN_MAX) {
    const detail = `are ${metrics.length}, and a picture by groups has room for ${METRICS_DRAWN_MAX}.`;
    throw invalidRequest([{ pointer: "?metrics", detail }]);
  }
}

export function panelsOf(report: TrafficReport, nameOf: (group: string) => string): readonly Panel[] {
  return report.group === undefined
    ? KINDS.flatMap((kind) => panelOfKind(kind, report))
    : report.metrics.map((metric) => panelOfGroups(metric, report, nameOf));
}

function panelOfKind(kind: Kind, report: TrafficReport): Panel[] {
  const shown = report.metrics.flatMap((metric) => {
    const drawn = kind.metrics[metric];
    return drawn === undefined ? [] : [{ metric, ...drawn }];
  });
  const [first] = shown;
  if (first === undefined) return [];
  const series = shown.map(({ metric, name, color }) => ({ name, color, values: valuesOf(report.points, metric) }));
  const { quantity, title } = titled(kind, first.metric, report);
  const summary = shown.map(({ metric, name }) => {
    const amount = told(quantity, report.total[metric] ?? null);
    return shown.length === 1 ? amount : `${name} ${amount}`;
  });
  return [
    {
      title,
      summary: summary.join(" · "),
      quantity,
      isOfWhole: isOfWhole(first.metric),
      isStacked: kind.isStacked,
      series,
    },
  ];
}

function panelOfGroups(metric: Metric, report: TrafficReport, nameOf: (group: string) => string): Panel {
  const kind = kindOf(metric);
  const { quantity } = titled(kind, metric, report);
  const name = kind.metrics[metric]?.name ?? kind.title;
  const title = name === kind.title ? kind.title : `${kind.title}: ${name.toLowerCase()}`;
  const names = distinct(report.groups.map(({ group = "" }) => (group === OTHERS ? "others" : nameOf(group))));
  const series = report.groups.map(({ group }, index) => ({
    name: names[index] ?? "",
    color: group === OTHERS ? GREY : (GROUP_COLORS[index % GROUP_COLORS.length] ?? GREY),
    values: valuesOf(
      report.points.filter((point) => point.group === group),
      metric,
    ),
  }));
  return {
    title: withInterval(title, kind, report),
    summary: told(quantity, report.total[metric] ?? null),
    quantity,
    isOfWhole: isOfWhole(metric),
    // Who visited one may have visited another, and ratios and times do not add up at all.
    isStacked: quantity !== "ratio" && quantity !== "milliseconds" && metric !== "visitors",
    series,
  };
}

function titled(kind: Kind, metric: Metric, report: TrafficReport): { quantity: Quantity; title: string } {
  return { quantity: quantityOf(metric), title: withInterval(kind.title, kind, report) };
}

/** Errors are few, and would not be seen below a hundred per cent. */
function isOfWhole(metric: Metric): boolean {
  return metric === "hit_ratio" || metric === "byte_hit_ratio";
}

function withInterval(title: string, { isPerInterval }: Kind, { interval }: TrafficReport): string {
  return isPerInterval ? `${title} per ${intervalNames[interval]}` : title;
}

function kindOf(metric: Metric): Kind {
  const kind = KINDS.find(({ metrics }) => metrics[metric] !== undefined);
  if (kind === undefined) throw new Error(`${metric} belongs to no panel`);
  return kind;
}

function valuesOf(points: readonly { readonly values: Values }[], metric: Metric): (number | null)[] {
  return points.map(({ values }) => values[metric] ?? null);
}

/** Series of one name would be taken for one. */
function distinct(names: readonly string[]): readonly string[] {
  return names.map((name, index) => {
    const before = names.slice(0, index).filter((other) => other === name).length;
    return before === 0 ? name : `${name} (${before + 1})`;
  });
}

export function isEmpty(panels: readonly Panel[]): boolean {
  return panels.every(({ series }) => series.every(({ values }) => values.every((value) => !value)));
}
