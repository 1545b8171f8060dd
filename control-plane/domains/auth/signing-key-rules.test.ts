import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isNextDue, KNOWN_AFTER_MS, signerOf, TOKEN_LIFETIME_MS, unneededOf } from "./signing-key-rules.ts";

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
const start = new Date("2026-03-01T12:00:00Z");
const later = (ms: number) => new Date(start.getTime() + ms);
const key = (kid: string, createdAfterMs: number) => ({ kid, createdAt: later(createdAfterMs) });

test("the first key signs at once, also when two were made in the same moment", () => {
  expect(signerOf([], start)).toBeUndefined();
  expect(signerOf([key("a", 0)], start)?.kid).toBe("a");
  expect(signerOf([key("b", 0), key("a", 0)], start)?.kid).toBe("a");
});

test("a later key signs when every process had the time to read it", () => {
  const keys = [key("a", 0), key("b", DAY_MS)];
  expect(signerOf(keys, later(DAY_MS + KNOWN_AFTER_MS - 1))?.kid).toBe("a");
  expect(signerOf(keys, later(DAY_MS + KNOWN_AFTER_MS))?.kid).toBe("b");
});

test("a key is due when none is younger than the time between two", () => {
  expect(isNextDue([], start, DAY_MS)).toBe(true);
  expect(isNextDue([key("a", 0)], later(DAY_MS - 1), DAY_MS)).toBe(false);
  expect(isNextDue([key("a", 0)], later(DAY_MS), DAY_MS)).toBe(true);
  expect(isNextDue([key("a", 0), key("b", HOUR_MS)], later(DAY_MS), DAY_MS)).toBe(false);
});

describe("a key goes", () => {
  const keys = [key("b", 30 * DAY_MS), key("a", 0)];

  test("an hour after the last token that it can have signed", () => {
    const end = 30 * DAY_MS + KNOWN_AFTER_MS + TOKEN_LIFETIME_MS + HOUR_MS;
    expect(unneededOf(keys, later(end))).toEqual([]);
    expect(unneededOf(keys, later(end + 1)).map(({ kid }) => kid)).toEqual(["a"]);
  });

  test("never while it is the newest, however old", () => {
    expect(unneededOf([key("a", 0)], later(10_000 * DAY_MS))).toEqual([]);
  });
});

test("whenever keys were made and whenever one signed, it is there until that token ends", () => {
  const moments = fc.array(fc.integer({ min: 0, max: 100 * DAY_MS }), { minLength: 1, maxLength: 6 });
  const signedAt = fc.integer({ min: 0, max: 101 * DAY_MS });
  const waits = fc.integer({ min: 0, max: TOKEN_LIFETIME_MS });
  fc.assert(
    fc.property(moments, signedAt, waits, (created, signed, waitMs) => {
      const keys = created.map((ms, index) => key(String(index), ms));
      const there = keys.filter((known) => known.createdAt <= later(signed));
      const signer = signerOf(there, later(signed));
      fc.pre(signer !== undefined);
      expect(unneededOf(keys, later(signed + waitMs)).map(({ kid }) => kid)).not.toContain(signer?.kid);
    }),
    { numRuns: 2_000 },
  );
});
