// A report of traffic as an SVG: drawn by ECharts without a browser, readable on light and on dark.
import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import { type EChartsCoreOption, init, setPlatformAPI, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import type { TrafficReport } from "../traffic/traffic.ts";
import { isEmpty, type Panel, panelsOf, type Series } from "./panels.ts";
import { intervalNames, labelsOf, momentOn } from "./time-axis.ts";
import { unitFor } from "./units.ts";

use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);
// Nobody knows which font will be there: room for a wide one, so that no name runs into the next.
setPlatformAPI({ measureText: (content, font) => ({ width: [...content].length * sizeOf(font) * CHARACTER_WIDTH }) });

const WIDTH = 960;
const MARGIN = { left: 72, right: 28 };
const HEAD = 64;
const PANEL = { head: 34, plot: 150, foot: 40 };
const PANEL_HEIGHT = PANEL.head + PANEL.plot + PANEL.foot;
const LEGEND_ROW = 20;
const LABELS_MAX = 12;
/** As many bars can be told apart; more points are an area. */
const BARS_MAX = 100;
const NAME_LENGTH_MAX = 48;
const FONT = "system-ui, sans-serif";
/** Of the height; scripts of East Asia take all of it, and have few characters. */
const CHARACTER_WIDTH = 0.63;

const LIGHT = { paper: "#ffffff", ink: "#1f2328", quiet: "#59636e", line: "#d8dee4" };
const DARK = { paper: "#0d1117", ink: "#f0f6fc", quiet: "#9198a1", line: "#30363d" } satisfies typeof LIGHT;

export interface Caption {
  /** Whose traffic it is. */
  readonly title: string;
  readonly nameOf: (group: string) => string;
}

export function svgOf(report: TrafficReport, { title, nameOf }: Caption): string {
  const panels = panelsOf(report, (group) => plainText(nameOf(group)));
  const legendRows = report.group === undefined ? 0 : legendRowsOf(panels[0]?.series ?? []);
  const top = HEAD + legendRows * LEGEND_ROW;
  const height = top + panels.length * PANEL_HEIGHT;
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  try {
    chart.setOption(optionOf(report, panels, { title: plainText(title), top }));
    return finished(chart.renderToSVGString(), `Traffic of ${plainText(title)}`);
  } finally {
    chart.dispose();
  }
}

function optionOf(
  report: TrafficReport,
  panels: readonly Panel[],
  { title, top }: { title: string; top: number },
): EChartsCoreOption {
  const times = [...new Set(report.points.map(({ time }) => time.getTime()))].map((at) => new Date(at));
  const labels = labelsOf(times, report.timezone, LABELS_MAX);
  const isGrouped = report.group !== undefined;
  const topOf = (index: number) => top + index * PANEL_HEIGHT;
  const heading = text(`Traffic of ${title}`, { left: 20, top: 14, size: 18, isBold: true });
  const period = text(subtitleOf(report), { left: 20, top: 40, size: 12 });
  return {
    animation: false,
    backgroundColor: LIGHT.paper,
    textStyle: { fontFamily: FONT },
    title: [
      heading,
      period,
      ...panels.flatMap((panel, index) => panelTexts(panel, topOf(index), isGrouped)),
      ...(isEmpty(panels) ? panels.map((_, index) => emptyText(topOf(index))) : []),
    ],
    legend: isGrouped
      ? [legendOf(panels[0], HEAD - 6)]
      : panels.map((panel, index) => legendOf(panel, topOf(index) + 6)),
    grid: panels.map((_, index) => ({ ...MARGIN, top: topOf(index) + PANEL.head, height: PANEL.plot })),
    xAxis: panels.map((_, index) => xAxisOf(times, labels, index)),
    yAxis: panels.map(yAxisOf),
    series: panels.flatMap((panel, index) => panel.series.map((series) => seriesOf(series, panel, index))),
  };
}

function subtitleOf({ period, timezone, interval, group }: TrafficReport): string {
  const parts = [
    `${momentOn(period.from, timezone)} – ${momentOn(period.to, timezone)} (${timezone})`,
    `by ${intervalNames[interval]}${group === undefined ? "" : ` and ${group.replace(/_id$/, "").replaceAll("_", " ")}`}`,
  ];
  return parts.join(", ");
}

interface TextPlace {
  readonly top: number;
  readonly left: number | "center";
  readonly size: number;
  readonly isBold?: boolean;
}

function text(content: string, { size, isBold = false, ...place }: TextPlace) {
  const color = isBold ? LIGHT.ink : LIGHT.quiet;
  return { ...place, text: content, padding: 0, textStyle: { fontSize: size, fontWeight: isBold ? 600 : 400, color } };
}

function panelTexts(panel: Panel, top: number, isGrouped: boolean) {
  const { name } = unitOf(panel);
  const title = name === "" ? panel.title : `${panel.title} (${name})`;
  const summary = text(panel.summary, { left: 0, top: top + 8, size: 12 });
  return [
    text(title, { left: 20, top: top + 8, size: 13, isBold: true }),
    // Beside several series stands the legend, and their sums are in it.
    ...(isGrouped || panel.series.length === 1 ? [{ ...summary, left: "auto", right: MARGIN.right }] : []),
  ];
}

function emptyText(top: number) {
  return text("No traffic in this period", { left: "center", top: top + PANEL.head + PANEL.plot / 2 - 8, size: 14 });
}

function legendOf(panel: Panel | undefined, top: number) {
  const names = (panel?.series ?? []).map(({ name }) => name);
  return {
    ...{ data: names, top, right: MARGIN.right, itemWidth: 12, itemHeight: 8, padding: 0, selectedMode: false },
    ...{ show: names.length > 1, itemGap: 14, icon: "roundRect", textStyle: { color: LIGHT.quiet, fontSize: 12 } },
  };
}

function sizeOf(font: string | undefined): number {
  return Number(/([\d.]+)px/.exec(font ?? "")?.[1] ?? 12);
}

/** ECharts wraps a legend by itself, and does not say where. */
function legendRowsOf(series: readonly Series[]): number {
  const widths = series.map(({ name }) => name.length * 12 * CHARACTER_WIDTH + 32);
  return Math.ceil(widths.reduce((sum, width) => sum + width, 0) / (WIDTH - MARGIN.left - MARGIN.right)) || 1;
}

function xAxisOf(times: readonly Date[], labels: ReadonlyMap<number, string>, index: number) {
  const isLabelled = (at: number) => labels.has(at);
  return {
    ...{ type: "category", gridIndex: index, data: times.map((_, at) => labels.get(at) ?? "") },
    axisLine: { lineStyle: { color: LIGHT.quiet } },
    axisTick: { interval: isLabelled, alignWithLabel: true, lineStyle: { color: LIGHT.quiet } },
    axisLabel: { interval: isLabelled, color: LIGHT.quiet, fontSize: 11, hideOverlap: true },
  };
}

function yAxisOf(panel: Panel, index: number) {
  const { size } = unitOf(panel);
  const isCount = panel.quantity === "count" && size === 1;
  return {
    ...{ type: "value", gridIndex: index, min: 0, splitNumber: 4, splitLine: { lineStyle: { color: LIGHT.line } } },
    ...(panel.isOfWhole ? { max: 100, interval: 25 } : {}),
    ...(isCount ? { minInterval: 1 } : {}),
    // An axis of nothing has no numbers.
    ...(isEmpty([panel])
      ? { max: 1, axisLabel: { show: false } }
      : { axisLabel: { color: LIGHT.quiet, fontSize: 11 } }),
  };
}

function seriesOf({ name, color, values }: Series, panel: Panel, index: number) {
  const { size } = unitOf(panel);
  const data = values.map((value) => (value === null ? null : Number((value / size).toPrecision(6))));
  const common = {
    ...{ name, data, xAxisIndex: index, yAxisIndex: index, silent: true },
    ...(panel.isStacked ? { stack: `panel ${index}` } : {}),
    itemStyle: { color },
  };
  const isAmount = panel.isStacked || panel.series.length === 1;
  const addsUp = panel.quantity !== "ratio" && panel.quantity !== "milliseconds";
  if (isAmount && addsUp && values.length <= BARS_MAX) return { ...common, type: "bar", barCategoryGap: "20%" };
  return {
    ...{ ...common, type: "line", symbolSize: 4, lineStyle: { color, width: 1.5 } },
    // A point without neighbours has no line.
    data: data.map((value, at) => ({ value, symbol: isAlone(data, at) ? "circle" : "none" })),
    ...(isAmount && addsUp ? { areaStyle: { color, opacity: panel.isStacked ? 0.75 : 0.25 } } : {}),
  };
}

function isAlone(data: readonly (number | null)[], at: number): boolean {
  return (data[at - 1] ?? null) === null && (data[at + 1] ?? null) === null;
}

function unitOf({ quantity, series, isStacked }: Panel) {
  const points = series[0]?.values.length ?? 0;
  const largest = isStacked
    ? Math.max(
        0,
        ...Array.from({ length: points }, (_, at) => series.reduce((sum, { values }) => sum + (values[at] ?? 0), 0)),
      )
    : Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)));
  return unitFor(quantity, largest);
}

/** What customers and viewers name may hold anything; XML may not hold all of it, and nobody reads a line of a kilobyte. */
function plainText(name: string): string {
  const clean = name.replace(/[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Cf}\u2028\u2029]/gu, " ");
  const characters = [...clean];
  if (characters.length <= NAME_LENGTH_MAX) return clean;
  return `${characters
    .slice(0, NAME_LENGTH_MAX - 1)
    .join("")
    .trimEnd()}…`;
}

function finished(svg: string, title: string): string {
  const rules = (["paper", "ink", "quiet", "line"] as const).flatMap((name) => [
    `[fill="${LIGHT[name]}"]{fill:${DARK[name]}}`,
    `[stroke="${LIGHT[name]}"]{stroke:${DARK[name]}}`,
  ]);
  const style = `<style>@media (prefers-color-scheme:dark){${rules.join("")}}</style>`;
  // What is for pointers, which an image has not, and names that are numbered on and on.
  const still = svg
    .replace(/ (?:class="zr[\w-]*"|pointer-events="visible")|<style ?><!\[CDATA\[.*?\]\]>\s*<\/style>/gs, "")
    .replace(/(?<=(?:id="|="url\(#)zr)\d+/g, "");
  return still.replace(
    /^<svg ([^>]*)>/,
    (_, attributes: string) => `<svg role="img" ${attributes}><title>${escaped(title)}</title>${style}`,
  );
}

function escaped(content: string): string {
  return content.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
