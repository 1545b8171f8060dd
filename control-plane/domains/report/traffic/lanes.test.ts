import { expect, test } from "vitest";
import type { Column } from "./dimensions.ts";
import { lanesOf } from "./lanes.ts";
import { ingredientsOf, type Metric } from "./metrics.ts";

function lanes(metrics: readonly Metric[], columns: readonly Column[] = [], isOfDistributions = false) {
  return lanesOf({ ingredients: ingredientsOf(metrics), columns, isOfDistributions }).map(
    ({ dimension, ingredients, tables }) => ({
      [`${dimension}`]: ingredients.join(" "),
      by: tables.map(({ name }) => name.replace("traffic_", "")).join(" "),
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
