import { expect, test } from "vitest";
import type { Condition } from "./condition.ts";
import { conditionWords, notificationOf, type Telling } from "./words.ts";

const common = { recovery_value: null, window_minutes: 15, requests_min: 0 } as const;
const conditions: readonly [Condition, string][] = [
  [
    { type: "threshold", metric: "ttfb_p95", direction: "above", value: 800, ...common },
    "95th percentile of the time to the first byte above 800 ms within 15 minutes",
  ],
  [
    { type: "threshold", metric: "hit_ratio", direction: "below", value: 0.85, ...common },
    "hit ratio by requests below 85 % within 15 minutes",
  ],
  [
    { type: "drop", metric: "bytes", percent: 40, recovery_percent: null, requests_min: 100 },
    "bytes sent in the last hour 40 % below those of the same hour of last week",
  ],
  [
    { type: "error_rate", percent: 2.5, recovery_percent: null, window_minutes: 5, requests_min: 100 },
    "more than 2.5 % of the requests within 5 minutes answered with an error (5xx)",
  ],
  [{ type: "certificate_expiry", days: 1 }, "a certificate that ends within 1 day"],
];

test.each(conditions)("%j is read by people", (condition, words) => {
  expect(conditionWords(condition)).toBe(words);
});

const telling: Telling = {
  alert: {
    ...{ id: "a1", accountId: "c1", name: "Slow", distributionId: "d1", mailInCharge: true, mailMembers: [] },
    condition: { type: "threshold", metric: "ttfb_p95", direction: "above", value: 800, ...common },
  },
  ...{ turn: "raised", isTest: false, value: 912.4, reason: "It is slow.", domain: "shop.example.com" },
  ...{ since: new Date("2026-03-01T12:05:00Z"), now: new Date("2026-03-01T12:06:01Z") },
  publicUrl: new URL("https://cdn.example.com"),
};

test("a letter says what, since when, why, by which limit and where to look", () => {
  const { subject, text } = notificationOf(telling);
  expect(subject).toBe("Alert: Slow (shop.example.com)");
  expect(text.split("\n\n")).toEqual([
    "The alert Slow on shop.example.com has been raised since 2026-03-01 12:05 UTC.",
    "It is slow.",
    "Its condition: 95th percentile of the time to the first byte above 800 ms within 15 minutes.",
    "The traffic: GET https://cdn.example.com/api/v1/reports/traffic?distribution_id=d1&interval=minute&from=2026-03-01T10:05:00.000Z",
    "In a terminal: edgewright report shop.example.com --last 24h",
    "Its history: GET https://cdn.example.com/api/v1/alerts/a1/events",
  ]);
});

test("what is over, what is about all of the account and what is a test say so", () => {
  expect(notificationOf({ ...telling, turn: "resolved" })).toMatchObject({
    ...{ event: "alert.resolved", subject: "Resolved: Slow (shop.example.com)" },
    text: expect.stringContaining("has been over since 2026-03-01 12:05 UTC"),
  });
  const all = notificationOf({ ...telling, alert: { ...telling.alert, distributionId: null }, domain: null });
  expect([all.subject, all.text.split("\n\n")[0]]).toEqual([
    "Alert: Slow",
    "The alert Slow on the whole account has been raised since 2026-03-01 12:05 UTC.",
  ]);
  const tested = notificationOf({ ...telling, isTest: true });
  expect(tested).toMatchObject({ subject: "Test of the alert Slow (shop.example.com)", data: { is_test: true } });
  expect(tested.text).toContain("This is a test");
});
