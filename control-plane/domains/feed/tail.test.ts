import { describe, expect, test } from "vitest";
import { createTail, type EncodedRecord, type Tail } from "./tail.ts";

const WIDE = { bytesMax: 1_000_000, recordsMax: 1_000 };

function record(rev: number, key = `document:${rev}`, bytes = 10): EncodedRecord {
  return { rev, key, json: Buffer.from(`${rev}`.padEnd(bytes)) };
}

function revsAfter(tail: Tail, since: number, bytesMax = 1_000_000): number[] | undefined {
  return tail.after(since, bytesMax)?.records.map((json) => Number(json.toString()));
}

describe("a tail", () => {
  test("answers what came after a revision", () => {
    const tail = createTail(10, WIDE);
    tail.append([record(11), record(12)], 12);
    expect(revsAfter(tail, 10)).toEqual([11, 12]);
    expect(revsAfter(tail, 11)).toEqual([12]);
    expect(tail.after(10, 1_000_000)?.to).toBe(12);
  });

  test("does not answer for what is older than itself", () => {
    const tail = createTail(10, WIDE);
    expect(tail.after(9, 1_000_000)).toBeUndefined();
  });

  test("keeps only the newest record of a key", () => {
    const tail = createTail(0, WIDE);
    tail.append([record(1, "document:a"), record(2, "document:b")], 2);
    tail.append([record(3, "document:a")], 3);
    expect(revsAfter(tail, 0)).toEqual([2, 3]);
  });

  test("reaches as far as the feed, also where the last revisions are gone", () => {
    const tail = createTail(0, WIDE);
    tail.append([record(1)], 4);
    expect(tail.after(0, 1_000_000)?.to).toBe(4);
  });

  test("answers in parts that are no larger than asked, but hold one record at least", () => {
    const tail = createTail(0, WIDE);
    tail.append([record(1), record(2), record(3)], 3);
    expect(revsAfter(tail, 0, 25)).toEqual([1, 2]);
    expect(tail.after(0, 25)?.to).toBe(2);
    expect(revsAfter(tail, 2, 25)).toEqual([3]);
    expect(revsAfter(tail, 0, 1)).toEqual([1]);
  });

  test.each([
    ["bytes", { bytesMax: 25, recordsMax: 1_000 }],
    ["records", { bytesMax: 1_000_000, recordsMax: 2 }],
  ])("forgets its oldest records above its limit of %s", (_, limits) => {
    const tail = createTail(0, limits);
    tail.append([record(1), record(2), record(3)], 3);
    expect(tail.after(0, 1_000_000)).toBeUndefined();
    expect(revsAfter(tail, 1)).toEqual([2, 3]);
  });
});
