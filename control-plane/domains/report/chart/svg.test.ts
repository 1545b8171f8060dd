// Pictures of reports as programs read them; how they look is judged by eye (ADR 40).
import { SaxesParser } from "saxes";
import { expect, test } from "vitest";
import type { CountedName, Metric } from "../traffic/metrics.ts";
import { OTHERS } from "../traffic/sql.ts";
import { reportOf, type TrafficReport } from "../traffic/traffic.ts";
import { startsOf } from "../traffic/zone.ts";
import { svgOf } from "./svg.ts";

const period = { from: new Date("2026-05-01T00:00:00Z"), to: new Date("2026-05-02T00:00:00Z") };

/** The same in each hour, and of the second group half as much as of the first. */
function report(metrics: readonly Metric[], groups?: readonly string[], perHour = 1_000): TrafficReport {
  const counted = (share: number): ReadonlyMap<CountedName, number> =>
    new Map([
      ["requests", perHour * share],
      ["hits", perHour * share * 0.9],
      ["bytes_out", perHour * share * 1e6],
    ]);
  const shares = new Map((groups ?? [""]).map((group, index) => [group, counted(1 / (index + 1))]));
  const points = perHour === 0 ? [] : startsOf(period, "hour", "UTC").map((time) => [time.getTime(), shares] as const);
  const told = { points: new Map(points), groups: groups === undefined ? new Map() : shares, total: counted(24) };
  const group = groups === undefined ? undefined : "distribution_id";
  const request = { period, interval: "hour", timezone: "UTC", metrics, filter: {}, group, groupsMax: 9 } as const;
  return { ...reportOf(request, told, period.to), lostLines: 0 };
}

/** Fails where it is no XML. */
function parsed(svg: string) {
  const texts: string[] = [];
  const elements: string[] = [];
  const attributes: string[] = [];
  const parser = new SaxesParser();
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", (tag) => {
    elements.push(tag.name);
    attributes.push(...Object.keys(tag.attributes));
  });
  parser.on("text", (text) => texts.push(text.trim()));
  parser.write(svg).close();
  return { texts: texts.filter((text) => text !== ""), elements: new Set(elements), attributes: new Set(attributes) };
}

const asIs = (group: string) => group;

test("it names whose traffic it is, when, on whose clocks, and each metric with its unit and sum", () => {
  const { texts } = parsed(
    svgOf(report(["requests", "bytes", "hit_ratio"]), { title: "www.example.com", nameOf: asIs }),
  );
  expect(texts).toEqual(
    expect.arrayContaining([
      "Traffic of www.example.com",
      "1 May 2026, 00:00 – 2 May 2026, 00:00 (UTC), by hour",
      ...["Requests per hour", "24,000", "Bytes per hour (GB)", "24 GB", "Hit ratio (%)", "90 %", "12:00"],
    ]),
  );
});

test("groups are named in a legend, the largest and the others", () => {
  const { texts } = parsed(
    svgOf(report(["requests"], ["a", "b", OTHERS]), { title: "t", nameOf: (group) => `${group}.example.com` }),
  );
  expect(texts).toEqual(expect.arrayContaining(["a.example.com", "b.example.com", "others"]));
});

test("two groups that are called the same stay two", () => {
  const { texts } = parsed(svgOf(report(["requests"], ["a", "b"]), { title: "t", nameOf: () => "same.example.com" }));
  expect(texts).toEqual(expect.arrayContaining(["same.example.com", "same.example.com (2)"]));
});

test("nothing is said to be nothing", () => {
  const { texts } = parsed(svgOf(report(["requests", "hit_ratio"], undefined, 0), { title: "t", nameOf: asIs }));
  expect(texts.filter((text) => text === "No traffic in this period")).toHaveLength(2);
  expect(parsed(svgOf(report(["requests"], [], 0), { title: "t", nameOf: asIs })).texts).toContain(
    "No traffic in this period",
  );
});

test.each([
  ["a script", "<script>alert(1)</script>"],
  ["the end of an attribute", '"><img src=x onerror=alert(1)>'],
  ["words of XML", "]]><!-- &amp; &#60; %3Cscript"],
  ["characters that XML does not have", "a\u0000b\u001b[31m\ud800c\u202ed\ufffe"],
  ["words of the library", "{b|rich} {a}"],
  ["a very long one", "x".repeat(5_000)],
])("a name that is %s stays a name", (_, name) => {
  const svg = svgOf(report(["requests", "bytes"], [name, "other"]), { title: name, nameOf: asIs });
  const { elements, attributes } = parsed(svg);
  expect(elements).toEqual(new Set(["svg", "title", "style", "rect", "path", "text"]));
  expect([...attributes].filter((attribute) => /^on|href$|^src$/i.test(attribute))).toEqual([]);
  expect(svg.length).toBeLessThan(60_000);
});

test("who prefers the dark sees light on dark, in each colour that is not a series'", () => {
  const svg = svgOf(report(["requests"]), { title: "t", nameOf: asIs });
  expect(svg).toContain("@media (prefers-color-scheme:dark)");
  const used = new Set(svg.replace(/<style>.*?<\/style>|<[^>]*stroke-width="0"[^>]*>/g, "").match(/#[0-9a-f]{6}/g));
  const swapped = new Set(svg.match(/(?<=\[(?:fill|stroke)=")#[0-9a-f]{6}/g));
  expect([...used].filter((color) => !swapped.has(color))).toEqual(["#4e79a7"]);
});

test("the same report is the same picture", () => {
  const draw = () => svgOf(report(["requests", "hit_ratio"], ["a", "b"]), { title: "t", nameOf: asIs });
  expect(draw()).toBe(draw());
});
