// A report of traffic as a person reads it in a terminal: a picture, what it comes to, and the URLs asked for most.
import type { Schemas } from "../../client/index.ts";
import {
  drawSeries,
  type Metric,
  quantityOf,
  type TerminalStyle,
  told,
  type trafficGroups,
  unitFor,
} from "../domains/report/index.ts";

export interface DomainReport {
  /** Null: all distributions of the account. */
  readonly domain: string | null;
  readonly metric: Metric;
  readonly traffic: Traffic;
  /** Told apart, where that was asked for. */
  readonly groups: { readonly by: (typeof trafficGroups)[number]; readonly traffic: Traffic } | null;
  readonly top_urls: Schemas["TopReport"];
}

const HEIGHT = 10;
const GROUP_HEIGHT = 4;

type Traffic = Schemas["TrafficReport"];
type Numbers = Traffic["total"];

export function describeReport(report: DomainReport, style: TerminalStyle): string {
  const { traffic, groups, metric, domain } = report;
  const whose = domain ?? "all distributions";
  const heading = `Traffic of ${whose}, ${clockOf(traffic.from, traffic)} – ${clockOf(traffic.to, traffic)} (${traffic.timezone})`;
  const isEmpty = !traffic.total.requests;
  const picture = groups === null ? wholePicture(traffic, metric, style) : groupPictures(groups, metric, style);
  const text = [
    heading,
    "",
    ...(isEmpty ? ["No traffic in this period."] : [...picture, "", ...summaryOf(traffic.total)]),
    ...(isEmpty ? [] : ["", ...topUrls(report.top_urls, style)]),
  ].join("\n");
  return style.hasUnicode ? text : text.replaceAll("–", "-");
}

function clockOf(time: string, { timezone }: Traffic): string {
  return new Intl.DateTimeFormat("en-GB", {
    ...{ timeZone: timezone, hourCycle: "h23", year: "numeric", month: "short", day: "numeric" },
    ...{ hour: "2-digit", minute: "2-digit" },
  }).format(new Date(time));
}

function wholePicture(traffic: Traffic, metric: Metric, style: TerminalStyle): string[] {
  const values = traffic.data.map((point) => numberIn(point, metric));
  return [
    titleOf(metric, traffic, largestOf(values)),
    draw(traffic.data, values, { traffic, metric, style, height: HEIGHT }),
  ];
}

/** One below the other, on the same scale. */
function groupPictures(groups: NonNullable<DomainReport["groups"]>, metric: Metric, style: TerminalStyle): string[] {
  const { by, traffic } = groups;
  const largest = largestOf(traffic.data.map((point) => numberIn(point, metric)));
  const pictures = (traffic.groups ?? []).flatMap((group) => {
    const points = traffic.data.filter((point) => point[by] === group[by]);
    const values = points.map((point) => numberIn(point, metric));
    const name = plain(group[by] ?? "", style) || "(none)";
    const amount = told(quantityOf(metric), numberIn(group, metric));
    return [`${name}: ${amount}`, draw(points, values, { traffic, metric, style, height: GROUP_HEIGHT, largest }), ""];
  });
  return [
    `${titleOf(metric, traffic, largest)}, by ${by.replace(/_id$/, "").replaceAll("_", " ")}`,
    "",
    ...pictures.slice(0, -1),
  ];
}

function titleOf(metric: Metric, { interval }: Traffic, largest: number): string {
  const { name } = unitFor(quantityOf(metric), largest);
  const unit = name === "" ? "" : ` (${name})`;
  return `${metric.replaceAll("_", " ")} by ${interval.replace("5minutes", "5 minutes")}${unit}`;
}

interface Drawing {
  readonly traffic: Traffic;
  readonly metric: Metric;
  readonly style: TerminalStyle;
  readonly height: number;
  readonly largest?: number;
}

function draw(points: Traffic["data"], values: readonly (number | null)[], drawing: Drawing): string {
  const { traffic, metric, style, height, largest = largestOf(values) } = drawing;
  const times = points.map(({ time }) => new Date(time));
  const { interval, timezone } = traffic;
  return drawSeries({ times, values, interval, timezone, quantity: quantityOf(metric) }, style, { height, largest });
}

function largestOf(values: readonly (number | null)[]): number {
  return Math.max(0, ...values.map((value) => value ?? 0));
}

function numberIn(numbers: Partial<Record<Metric, number | null>>, metric: Metric): number | null {
  return numbers[metric] ?? null;
}

function summaryOf(total: Numbers): string[] {
  const of = (metric: Metric) => told(quantityOf(metric), numberIn(total, metric));
  return table([
    ["Requests", of("requests")],
    ["Bytes sent", `${of("bytes")}, ${of("bandwidth")} on average`],
    ["Hit ratio", `${of("hit_ratio")} of requests, ${of("byte_hit_ratio")} of bytes`],
    ["Errors", `4xx ${of("status_4xx")}, 5xx ${of("status_5xx")} (${of("error_rate")} of requests)`],
    ["First byte", `half within ${of("ttfb_p50")}, 95 % ${of("ttfb_p95")}, 99 % ${of("ttfb_p99")}`],
    ["Visitors", `about ${of("visitors")}`],
  ]);
}

function topUrls({ data }: DomainReport["top_urls"], style: TerminalStyle): string[] {
  if (data.length === 0) return [];
  const rows = data.map(({ value, requests, bytes, share }) => [
    told("ratio", share),
    told("count", requests),
    told("bytes", bytes),
    plain(value, style),
  ]);
  const lines = table([["SHARE", "REQUESTS", "BYTES", "URL"], ...rows]);
  return ["Most requested", ...lines.map((line) => cut(line, style))];
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** What viewers sent may hold anything, also what makes a terminal do things. */
function plain(text: string, { hasUnicode }: TerminalStyle): string {
  return text.replace(hasUnicode ? /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu : /[^ -~]/g, "?");
}

function cut(line: string, { columns, hasUnicode }: TerminalStyle): string {
  if (line.length <= columns) return line;
  return hasUnicode ? `${line.slice(0, columns - 1)}…` : `${line.slice(0, columns - 3)}...`;
}
