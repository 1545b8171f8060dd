import { describe, expect, test } from "vitest";
import { wordsOf } from "./quota-letters.ts";
import { defaultQuotaOf, hasDefaults, isToBeCutOff, onceOf, reachedOf } from "./quota-rules.ts";

const defaults = {
  user: { requests: 10, bytes: null },
  premium: { requests: 1000, bytes: 2000 },
  cutsOff: true,
};

test("without a quota of its own an account has what the best of its owners' roles brings", () => {
  const quota = (...roles: Parameters<typeof defaultQuotaOf>[0]) => defaultQuotaOf(roles, defaults);
  expect(quota("user")).toEqual({ requests: 10, bytes: null, cutsOff: true, source: "default" });
  expect(quota("user", "premium")).toMatchObject(defaults.premium);
  expect(quota("premium", "admin")).toMatchObject({ requests: null, bytes: null });
  expect(quota("moderator", "user")).toMatchObject({ requests: null, bytes: null });
  expect(quota()).toMatchObject(defaults.user);
});

test("there are defaults where any of them is set", () => {
  const none = { requests: null, bytes: null };
  expect(hasDefaults(defaults)).toBe(true);
  expect(hasDefaults({ user: none, premium: none, cutsOff: true })).toBe(false);
  expect(hasDefaults({ user: none, premium: { ...none, bytes: 1 }, cutsOff: false })).toBe(true);
});

describe("of a limit", () => {
  test.each([
    [10, 7, undefined],
    [10, 8, 80],
    [10, 9, 80],
    [10, 10, 100],
    [10, 11, 100],
    [1, 0, undefined],
    [1, 1, 100],
    [3, 2, undefined],
    [1_000_000_000_000_001, 800_000_000_000_000, undefined],
    [1_000_000_000_000_001, 800_000_000_000_001, 80],
  ])("of %d, %d is %s percent", (limit, used, percent) => {
    const [reached] = reachedOf({ requests: null, bytes: limit }, { requests: 1e9, bytes: used });
    expect(reached?.percent).toBe(percent);
  });
});

test("an account is cut off when any limit is reached and its quota says so", () => {
  const reached = reachedOf({ requests: 10, bytes: 10 }, { requests: 10, bytes: 9 });
  const quota = { requests: 10, bytes: 10, source: "account" } as const;
  expect(reached.map(({ metric, percent }) => [metric, percent])).toEqual([
    ["requests", 100],
    ["bytes", 80],
  ]);
  expect(isToBeCutOff({ ...quota, cutsOff: true }, reached)).toBe(true);
  expect(isToBeCutOff({ ...quota, cutsOff: false }, reached)).toBe(false);
  expect(isToBeCutOff({ ...quota, cutsOff: true }, reached.slice(1))).toBe(false);
});

test("each level of each limit of each month is said once, and a cut-off apart from what went before it", () => {
  const one = { metric: "bytes", percent: 80, limit: 10, used: 9 } as const;
  const keys = [
    onceOf("2026-11", one, false),
    onceOf("2026-12", one, false),
    onceOf("2026-11", { ...one, limit: 20 }, false),
    onceOf("2026-11", { ...one, metric: "requests" }, false),
    onceOf("2026-11", { ...one, percent: 100 }, false),
    onceOf("2026-11", { ...one, percent: 100 }, true),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(onceOf("2026-11", { ...one, used: 10 }, true)).toBe(keys[0]);
});

test("letters name amounts as people do, what happens, and until when", () => {
  const bytes = { metric: "bytes", limit: 10_000_000_000_000, used: 8_125_448_312_000 } as const;
  const warning = wordsOf("2026-11", { ...bytes, percent: 80 }, false);
  expect(warning.subject).toBe("80 % of your bytes for 2026-11 are used");
  expect(warning.text).toContain("Of 10 TB in 2026-11, 8.13 TB are used.");
  const requests = { metric: "requests", limit: 1_000_000, used: 1_000_003, percent: 100 } as const;
  expect(wordsOf("2026-11", requests, false).text).toContain("Of 1,000,000 requests in 2026-11, 1,000,003 requests");
  expect(wordsOf("2026-11", requests, false).text).toContain("served as before");
  const cutOff = wordsOf("2026-11", requests, true);
  expect(cutOff.subject).toContain("cut off");
  expect(cutOff.text).toContain("503 now, with a page that says why: until the quota is raised or the month is over");
});
