import { expect, test } from "vitest";
import { type DomainReport, describeReport } from "./report-text.ts";

const style = { columns: 80, hasColors: false, hasUnicode: true };
const hours = Array.from({ length: 24 }, (_, hour) => new Date(Date.UTC(2026, 4, 1, hour)).toISOString());
const period = { from: "2026-05-01T00:00:00.000Z", to: "2026-05-02T00:00:00.000Z" };
const total = {
  ...{ requests: 48_210, bytes: 9_120_448_312, bandwidth: 844_486, hit_ratio: 0.95, byte_hit_ratio: 0.9 },
  ...{ status_4xx: 120, status_5xx: 4, error_rate: 0.000083 },
  ...{ ttfb_p50: 3, ttfb_p95: 31, ttfb_p99: 1_200, visitors: 1_234 },
};
const report: DomainReport = {
  domain: "www.example.com",
  metric: "requests",
  traffic: {
    ...{ ...period, interval: "hour", timezone: "Europe/Berlin", total },
    data: hours.map((time, hour) => ({ time, requests: 100 * hour })),
  },
  groups: null,
  top_urls: {
    ...{ ...period, by: "url", order_by: "requests", missing_requests_max: 0 },
    total: { requests: 48_210, bytes: 9_120_448_312 },
    data: [{ value: "www.example.com/a.jpg", requests: 12_052, bytes: 301_300_000, share: 0.249989 }],
  },
};

test("a person reads whose traffic it is, when, what it comes to and which URLs lead", () => {
  const text = describeReport(report, style);
  expect(text).toContain("Traffic of www.example.com, 1 May 2026, 02:00 – 2 May 2026, 02:00 (Europe/Berlin)");
  expect(text).toContain("requests by hour");
  expect(text).toContain("Bytes sent  9.12 GB, 844 kbit/s on average");
  expect(text).toContain("Hit ratio   95 % of requests, 90 % of bytes");
  expect(text).toContain("Errors      4xx 120, 5xx 4 (0.0083 % of requests)");
  expect(text).toContain("First byte  half within 3 ms, 95 % 31 ms, 99 % 1.2 s");
  expect(text).toContain("25 %   12,052    301 MB  www.example.com/a.jpg");
  expect(
    Math.max(
      ...text
        .split("\n")
        .slice(1)
        .map((line) => line.length),
    ),
  ).toBeLessThanOrEqual(80);
});

test("groups stand below each other on one scale", () => {
  const data = hours.flatMap((time, hour) => [
    { time, country: "DE", requests: 100 * hour },
    { time, country: "", requests: 1 },
  ]);
  const groups = [
    { country: "DE", requests: 27_600 },
    { country: "", requests: 24 },
  ];
  const apart = { by: "country", traffic: { ...report.traffic, data, groups } } as const;
  const text = describeReport({ ...report, groups: apart }, style);
  expect(text).toContain("requests by hour, by country");
  expect(text.match(/^ *3000┤/gm)).toHaveLength(2);
  expect(text).toMatch(/^DE: 27,600$/m);
  expect(text).toMatch(/^\(none\): 24$/m);
});

test("what viewers sent does nothing to the terminal", () => {
  const ESC = String.fromCharCode(27);
  const value = `www.example.com/${ESC}]0;owned${String.fromCharCode(7)}\u202e\r\n${"x".repeat(500)}`;
  const [first] = report.top_urls.data;
  const hostile = {
    ...report,
    top_urls: { ...report.top_urls, data: first === undefined ? [] : [{ ...first, value }] },
  };
  const line = describeReport(hostile, style).split("\n").at(-1) ?? "";
  expect(line).toMatch(/www\.example\.com\/\?\]0;owned\?\?\?\?x+…$/);
  expect(line.length).toBe(80);
  expect(describeReport(hostile, { ...style, hasUnicode: false })).toMatch(/^[ -~\n]+$/);
});

test("a period without traffic says so, and draws nothing", () => {
  const nothing = { ...report, traffic: { ...report.traffic, total: { requests: 0 } } };
  expect(describeReport(nothing, style).split("\n").slice(1)).toEqual(["", "No traffic in this period."]);
});
