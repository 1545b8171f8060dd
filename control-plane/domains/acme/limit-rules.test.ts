import { expect, test } from "vitest";
import { fill, limitsOf, registeredDomainOf, waitMsFor } from "./limit-rules.ts";

const now = new Date("2027-01-01T00:00:00Z");
const later = (ms: number) => new Date(now.getTime() + ms);
const limit = { key: "k", capacity: 50, periodMs: 7 * 86_400_000, what: "things" };

test("a bucket that was never used is full, and fills at a steady rate up to its capacity", () => {
  expect(fill(undefined, limit, now).tokens).toBe(50);
  const empty = { tokens: 0, filledAt: now };
  expect(fill(empty, limit, later(limit.periodMs / 2)).tokens).toBeCloseTo(25);
  expect(fill(empty, limit, later(10 * limit.periodMs)).tokens).toBe(50);
  expect(waitMsFor(empty, limit)).toBe(limit.periodMs / 50);
  // A clock that ran backwards takes nothing away.
  expect(fill(empty, limit, later(-1_000)).tokens).toBe(0);
});

test.each([
  ["shop.example.com", "example.com"],
  ["*.example.co.uk", "example.co.uk"],
  ["a.b.github.io", "b.github.io"],
  ["localhost", "localhost"],
])("%s counts for %s", (name, domain) => {
  expect(registeredDomainOf(name)).toBe(domain);
});

test("an order pays for the platform, its account and each registered domain; a renewal that is due pays nothing", () => {
  const order = { directoryUrl: "https://ca/dir", names: ["a.example.com", "b.example.com", "c.example.org"] };
  const limits = { ordersPerAccount: 300, certificatesPerDomain: 50 };
  const keys = (more: { replaces: string | null; isDue: boolean }) =>
    limitsOf({ ...order, ...more }, "account", limits).map(({ key, capacity }) => [key, capacity]);
  const paid = [
    ["orders https://ca/dir", 300],
    ["orders https://ca/dir account", 100],
    ["certificates https://ca/dir example.com", 50],
    ["certificates https://ca/dir example.org", 50],
  ];
  expect(keys({ replaces: null, isDue: true })).toEqual(paid);
  // Whoever asks for renewals by hand may do so all day.
  expect(keys({ replaces: "x", isDue: false })).toEqual(paid);
  expect(keys({ replaces: "x", isDue: true })).toEqual([]);
});
