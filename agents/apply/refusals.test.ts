import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { Refusal } from "../contract.ts";
import { assertBearable, TooManyRefused } from "./refusals.ts";

function refusals(count: number, kind: Refusal["kind"] = "document"): Refusal[] {
  return Array.from({ length: count }, () => ({
    kind,
    id: randomUUID(),
    rev: 1,
    stage: "push",
    message: "bad",
  }));
}

test.each([
  { refused: 20, held: 0, coming: 20 },
  { refused: 23, held: 0, coming: 2_300 },
  { refused: 100, held: 10_000, coming: 100 },
])("$refused refused are borne where $held are held and $coming come", ({ refused, held, coming }) => {
  expect(() => assertBearable(refusals(refused), { held, coming })).not.toThrow();
});

test.each([
  { refused: 21, held: 0, coming: 1_000 },
  { refused: 24, held: 100, coming: 2_300 },
  { refused: 101, held: 10_000, coming: 10_000 },
])("$refused refused ring the alarm where $held are held and $coming come", ({ refused, held, coming }) => {
  expect(() => assertBearable(refusals(refused), { held, coming })).toThrow(TooManyRefused);
});

test("certificates that are refused for what they hold never ring it", () => {
  const measure = { held: 0, coming: 0 };
  expect(() => assertBearable(refusals(500, "certificate"), measure)).not.toThrow();
  expect(() => assertBearable([...refusals(500, "certificate"), ...refusals(21)], measure)).toThrow(/^21 records/);
});
