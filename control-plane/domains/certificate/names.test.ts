import { expect, test } from "vitest";
import { covers, delegationTarget } from "./names.ts";

test.each([
  [["www.example.com"], "www.example.com", true],
  [["*.example.com"], "www.example.com", true],
  [["*.example.com"], "*.example.com", true],
  [["*.example.com"], "example.com", false],
  [["*.example.com"], "a.b.example.com", false],
  [["*.example.com"], "*.b.example.com", false],
  [["*.com"], "*.example.com", false],
  [["www.example.com"], "*.example.com", false],
  [[], "localhost", false],
] as const)("a certificate for %j covers %s: %s", (names, host, expected) => {
  expect(covers(names, host)).toBe(expected);
});

test("proofs of a wildcard and of its own name are looked for in one place, which is another for each account", () => {
  const one = delegationTarget("account", "example.com", "cdn.test");
  expect(one).toMatch(/^[0-9a-f]{32}\.acme-challenge\.cdn\.test$/);
  expect(delegationTarget("account", "*.example.com", "cdn.test")).toBe(one);
  expect(delegationTarget("other", "example.com", "cdn.test")).not.toBe(one);
});
