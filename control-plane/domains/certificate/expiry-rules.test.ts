import { expect, test } from "vitest";
import { warningDue, warningOf } from "./expiry-rules.ts";

const DAY_MS = 86_400_000;
const now = new Date("2026-03-01T12:00:00Z");
const inDays = (days: number) => new Date(now.getTime() + days * DAY_MS);

const uploaded = (left: number) => ({ isAutomatic: false, notBefore: inDays(left - 365), notAfter: inDays(left) });
const automatic = (left: number, lifetime: number) => ({
  ...{ isAutomatic: true, notBefore: inDays(left - lifetime), notAfter: inDays(left) },
});

test.each([
  [31, undefined],
  [30.01, undefined],
  [30, 30],
  [14.01, 30],
  [14, 14],
  [7.5, 14],
  [7, 7],
  [3.5, 7],
  [3, 3],
  [1.5, 3],
  [1, 1],
  [0.1, 1],
  [-2, 1],
])("an uploaded certificate with %d days left: %s", (left, due) => {
  expect(warningDue(uploaded(left), now)).toBe(due);
});

test.each([
  [30, 90, undefined],
  [22.6, 90, undefined],
  [22, 90, 30],
  [14, 90, 14],
  [12, 45, undefined],
  [11, 45, 14],
  [2, 6, undefined],
  [1.4, 6, 3],
])("an automatic one with %d of %d days left: %s, since it is to be renewed before that", (left, lifetime, due) => {
  expect(warningDue(automatic(left, lifetime), now)).toBe(due);
});

const expiring = {
  name: "Shop",
  names: ["shop.example.com"],
  isAutomatic: false,
  statusReason: null,
  notAfter: inDays(6.4),
  usedBy: ["shop.example.com"],
};

test("a warning says what ends when, who is hit and what to do", () => {
  expect(warningOf(expiring, now)).toEqual({
    subject: "The certificate Shop expires in 7 days",
    text: [
      "The certificate Shop (shop.example.com) expires in 7 days, on 2026-03-07 21:36 UTC. Without another one, browsers will refuse shop.example.com.",
      "Upload its successor in its place: edges show that within a second.",
    ].join("\n\n"),
    daysLeft: 7,
  });
});

test("an automatic one says why there is no other, an unused one that it is unused, many names how many", () => {
  const failed = warningOf({ ...expiring, isAutomatic: true, statusReason: "Point it here again." }, now);
  expect(failed.text).toContain("It was not renewed in time. Point it here again.");
  expect(warningOf({ ...expiring, usedBy: [] }, now).text).toContain("If nobody needs it any more, delete it.");
  const names = Array.from({ length: 8 }, (_, index) => `n${index}.example.com`);
  expect(warningOf({ ...expiring, names }, now).text).toContain("n4.example.com and 3 more)");
  expect(warningOf({ ...expiring, notAfter: inDays(0.5) }, now).subject).toContain("expires in 1 day");
  const ended = warningOf({ ...expiring, notAfter: inDays(-1) }, now);
  expect(ended).toMatchObject({ subject: "The certificate Shop has expired", daysLeft: 0 });
});
