import { expect, test } from "vitest";
import type { Column } from "./dimensions.ts";
import { lanesOf } from "./lanes.ts";
import { ingredientsOf, type Metric } from "./metrics.ts";

function lanes(metrics: readonly Metric[], columns: readonly Column[] = [], isOfDistributions = false) {
  return lanesOf({ ingredients: ingredientsOf(metrics), columns, isOfDistributions, isOfOwnEdges: false }).map(
    ({ dimension, ingredients, tables }) => ({
      [`${dimension}`]: ingredients.join(" "),
      by: tables.map(({ name }) => name.replace("reported_traffic_", "")).join(" "),
    }),
  );
}

test("what is counted in different dimensions goes by lanes of its own", () => {
  expect(lanes(["requests", "bytes", "status_2xx", "visitors", "ttfb_p95", "ttfb_p99"])).toEqual([
    { all: "requests bytes_out", by: "day hour minute access_log" },
    { status: "status_2xx", by: "day hour minute access_log" },
    { all: "visitors", by: "day hour access_log" },
    { ttfb: "ttfb", by: "day hour minute access_log" },
  ]);
});

test("single distributions are told by the minute in sums alone", () => {
  expect(lanes(["requests", "ttfb_p50"], ["distribution_id"], true)).toEqual([
    { all: "requests", by: "day hour minute access_log" },
    { ttfb: "ttfb", by: "day hour access_log" },
  ]);
});

test("what our own edges served is told without other providers", () => {
  const wanted = { ingredients: ["requests" as const], columns: [], isOfDistributions: false };
  const tablesOf = (isOfOwnEdges: boolean) =>
    lanesOf({ ...wanted, isOfOwnEdges }).flatMap(({ tables }) => tables.map(({ name, beside = "" }) => name + beside));
  expect(tablesOf(true)).toEqual(["traffic_day", "traffic_hour", "traffic_minute", "access_log"]);
  expect(tablesOf(false).at(-1)).toBe("access_logprovider_traffic_minute");
  expect(
    tablesOf(false)
      .slice(0, 3)
      .every((name) => name.startsWith("reported_")),
  ).toBe(true);
});

test("one group or filter is a dimension; what lies across two is told by requests, with everything else", () => {
  expect(lanes(["requests", "hit_ratio"], ["country", "country"])).toEqual([
    { country: "requests hits", by: "day hour minute access_log" },
  ]);
  expect(lanes(["status_4xx", "errors"], ["status"])).toEqual([
    { status: "status_4xx errors", by: "day hour minute access_log" },
  ]);
  const byRequests = (ingredients: string) => [{ null: ingredients, by: "access_log" }];
  expect(lanes(["requests"], ["country", "protocol"])).toEqual(byRequests("requests"));
  expect(lanes(["requests", "status_2xx"], ["country"])).toEqual(byRequests("requests status_2xx"));
  expect(lanes(["requests", "visitors"], ["edge_id"])).toEqual(byRequests("requests visitors"));
  expect(lanes(["requests"], ["host"])).toEqual(byRequests("requests"));
});
