import { expect, test } from "vitest";
import type { ConditionOf } from "./condition.ts";
import { isBelievedWhileLinesAreMissing, judgeDrop, judgeErrorRate, judgeExpiry, judgeThreshold } from "./judge.ts";
import { judgedUntil, needsOf, questionsOf } from "./needs.ts";

const threshold = (more: Partial<ConditionOf<"threshold">> = {}): ConditionOf<"threshold"> => ({
  ...{ type: "threshold", metric: "requests", direction: "above", value: 1_000, recovery_value: null },
  ...{ window_minutes: 5, requests_min: 0, ...more },
});
const errors = (more: Partial<ConditionOf<"error_rate">> = {}): ConditionOf<"error_rate"> => ({
  ...{ type: "error_rate", percent: 5, recovery_percent: null, window_minutes: 5, requests_min: 100, ...more },
});
const drop = (more: Partial<ConditionOf<"drop">> = {}): ConditionOf<"drop"> => ({
  ...{ type: "drop", metric: "requests", percent: 50, recovery_percent: null, requests_min: 100, ...more },
});

const requests = (count: number) => ({ requests: count, value: count });

test.each([
  [1_001, true, "Requests within 5 minutes: 1,001, more than 1,000."],
  [1_000, false, "Requests within 5 minutes: 1,000, exactly 1,000."],
  [0, false, "Requests within 5 minutes: 0, less than 1,000."],
])("%d requests, to be told above 1,000: %s", (count, holds, reason) => {
  expect(judgeThreshold(threshold(), requests(count))).toMatchObject({ holds, isClear: !holds, value: count, reason });
});

test("a threshold below is crossed downwards, also by no requests at all", () => {
  const below = threshold({ direction: "below", value: 10 });
  expect(judgeThreshold(below, requests(9))).toMatchObject({ holds: true });
  expect(judgeThreshold(below, requests(10))).toMatchObject({ holds: false });
  expect(judgeThreshold(below, requests(0))).toMatchObject({ holds: true });
});

test("between the limit and the value of recovery it neither holds nor is clear", () => {
  const above = threshold({ recovery_value: 800 });
  expect(judgeThreshold(above, requests(900))).toMatchObject({ holds: false, isClear: false });
  expect(judgeThreshold(above, requests(800))).toMatchObject({ holds: false, isClear: true });
  const below = threshold({ direction: "below", value: 10, recovery_value: 20 });
  expect(judgeThreshold(below, requests(15))).toMatchObject({ holds: false, isClear: false });
  expect(judgeThreshold(below, requests(20))).toMatchObject({ holds: false, isClear: true });
});

test.each([
  ["hit_ratio", "below", 0.8],
  ["ttfb_p95", "below", 100],
  ["error_rate", "above", 0],
] as const)("without a request there is no %s to judge", (metric, direction, value) => {
  const verdict = judgeThreshold(threshold({ metric, direction, value }), { requests: 0, value: 0 });
  expect(verdict).toMatchObject({ holds: false, isClear: true, value: null });
});

test.each([
  ["bytes", 1_234_567_890, "Bytes sent within 5 minutes: 1.23 GB, more than 1 KB."],
  ["bandwidth", 2_500_000, "Bandwidth within 5 minutes: 2.5 Mbit/s, more than 1 kbit/s."],
  [
    "ttfb_p99",
    1_234.4,
    "99th percentile of the time to the first byte within 5 minutes: 1,234 ms, more than 1,000 ms.",
  ],
  ["hit_ratio", 0.5, "Hit ratio by requests within 5 minutes: 50 %, less than 100,000 %."],
] as const)("a person reads %s in its unit", (metric, value, reason) => {
  expect(judgeThreshold(threshold({ metric }), { requests: 1, value }).reason).toBe(reason);
});

test("errors are judged by their share, with enough requests only", () => {
  expect(judgeErrorRate(errors(), { requests: 200, value: 11 })).toMatchObject({
    ...{ holds: true, value: 5.5 },
    reason: "5.5 % of 200 requests within 5 minutes were answered with an error (5xx), more than 5 %.",
  });
  expect(judgeErrorRate(errors(), { requests: 200, value: 10 })).toMatchObject({ holds: false, isClear: true });
  expect(judgeErrorRate(errors(), { requests: 99, value: 99 })).toMatchObject({
    ...{ holds: false, isClear: true, value: null },
    reason: "99 requests within 5 minutes: below 100 there is nothing to judge.",
  });
  expect(judgeErrorRate(errors({ requests_min: 0 }), { requests: 0, value: 0 })).toMatchObject({ holds: false });
  expect(judgeErrorRate(errors({ recovery_percent: 2 }), { requests: 100, value: 3 })).toMatchObject({
    isClear: false,
  });
});

test("a drop is against the same hour of last week, when that had enough requests", () => {
  const weeks = (now: number, lastWeek: number) => ({ now: requests(now), lastWeek: requests(lastWeek) });
  expect(judgeDrop(drop(), weeks(500, 1_000))).toMatchObject({
    ...{ holds: true, value: 50 },
    reason: "Requests: 500 in the last hour, 1,000 in the same hour of last week: 50 % less; the limit is 50 % less.",
  });
  expect(judgeDrop(drop(), weeks(501, 1_000))).toMatchObject({ holds: false, isClear: true });
  expect(judgeDrop(drop(), weeks(0, 1_000))).toMatchObject({ holds: true, value: 100 });
  expect(judgeDrop(drop(), weeks(2_000, 1_000)).reason).toContain("100 % more");
  expect(judgeDrop(drop(), weeks(0, 99))).toMatchObject({ holds: false, value: null });
  expect(judgeDrop(drop({ requests_min: 0 }), weeks(0, 0))).toMatchObject({ holds: false, value: null });
});

test("what was not there last week is not compared", () => {
  expect(judgeDrop(drop(), { now: requests(0), lastWeek: undefined })).toMatchObject({ holds: false, isClear: true });
});

const NOW = new Date("2026-03-01T12:00:00Z");
const ending = (name: string, days: number, fingerprint = "f") => ({
  ...{ id: name, name, fingerprint },
  notAfter: new Date(NOW.getTime() + days * 24 * 60 * 60 * 1000),
});

test("certificates that end are named with their days, the soonest first; another chain is another certificate", () => {
  const verdict = judgeExpiry(
    { type: "certificate_expiry", days: 14 },
    [ending("later", 20), ending("shop", 13.5), ending("gone", -1)],
    NOW,
  );
  expect(verdict).toMatchObject({ holds: true, value: 0, covers: ["gone:f", "shop:f"] });
  expect(verdict.reason).toBe(
    "Certificates: gone expired on 2026-02-28 12:00 UTC, shop expires in 14 days, on 2026-03-15 00:00 UTC.",
  );
  expect(judgeExpiry({ type: "certificate_expiry", days: 1 }, [ending("later", 20)], NOW)).toMatchObject({
    ...{ holds: false, isClear: true, reason: "No certificate ends within 1 day." },
  });
});

test("while lines are missing only what is too much even so is believed", () => {
  const tooMany = judgeThreshold(threshold(), requests(2_000));
  const enough = judgeThreshold(threshold(), requests(0));
  expect(isBelievedWhileLinesAreMissing(threshold(), tooMany)).toBe(true);
  expect(isBelievedWhileLinesAreMissing(threshold(), enough)).toBe(false);
  const below = threshold({ direction: "below" });
  expect(isBelievedWhileLinesAreMissing(below, judgeThreshold(below, requests(0)))).toBe(false);
  const less = judgeDrop(drop(), { now: requests(0), lastWeek: requests(1_000) });
  expect(isBelievedWhileLinesAreMissing(drop(), less)).toBe(false);
});

test("a thousand alerts ask as many questions as there are periods", () => {
  const until = judgedUntil(new Date("2026-03-01T12:10:31Z"));
  expect(until).toEqual(new Date("2026-03-01T12:09:00Z"));
  const needs = Array.from({ length: 1_000 }, (_, n) => {
    const scope = { accountId: `account ${n % 300}`, distributionId: n % 2 === 0 ? null : `distribution ${n}` };
    return [threshold(), errors(), drop({ metric: "bytes" })].flatMap((one) => needsOf(one, scope, until));
  }).flat();
  const questions = questionsOf(needs);
  expect(questions.map(({ from, to, metrics, of }) => [from, to, [...metrics].sort(), of.length])).toEqual([
    [new Date("2026-03-01T12:04:00Z"), until, ["errors", "requests"], 650],
    [new Date("2026-03-01T11:09:00Z"), until, ["bytes", "requests"], 650],
    [new Date("2026-02-22T11:09:00Z"), new Date("2026-02-22T12:09:00Z"), ["bytes", "requests"], 650],
  ]);
});
