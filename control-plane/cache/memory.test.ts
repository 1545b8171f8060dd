import { expect, test } from "vitest";
import { createMemory } from "./memory.ts";

const forever = { endsAt: Number.POSITIVE_INFINITY, bytes: 100 };

function keep(memory: ReturnType<typeof createMemory<string>>, name: string, field: string, value = name): void {
  memory.keep(name, field, { ...forever, answer: Promise.resolve(value) });
}

test("what was not read for the longest time goes when there is one name too many", async () => {
  const memory = createMemory<string>({ namesMax: 2, bytesMax: 100_000 });
  for (const name of ["a", "b"]) keep(memory, name, "");
  await memory.find("a", "", 0);
  keep(memory, "c", "");
  expect(["a", "b", "c"].map((name) => memory.find(name, "", 0) !== undefined)).toEqual([true, false, true]);
});

test("bytes are bounded, whatever the number of names, and what alone is too large is not kept", () => {
  const memory = createMemory<string>({ namesMax: 1_000, bytesMax: 10_000 });
  for (let n = 0; n < 1_000; n += 1) keep(memory, `n${n}`, "");
  const kept = Array.from({ length: 1_000 }, (_, n) => n).filter((n) => memory.find(`n${n}`, "", 0) !== undefined);
  expect(kept.length).toBeGreaterThan(10);
  expect(kept.length).toBeLessThan(100);
  memory.keep("huge", "", { ...forever, bytes: 20_000, answer: Promise.resolve("huge") });
  expect(memory.find("huge", "", 0)).toBeUndefined();
});

test("the parts of a name are bounded, and die with it", () => {
  const memory = createMemory<string>({ namesMax: 10, bytesMax: 1_000_000 });
  for (let n = 0; n < 100; n += 1) keep(memory, "list", String(n));
  const kept = Array.from({ length: 100 }, (_, n) => n).filter((n) => memory.find("list", String(n), 0) !== undefined);
  expect(kept).toEqual(Array.from({ length: 64 }, (_, n) => n + 36));
  memory.drop("list");
  expect(memory.find("list", "99", 0)).toBeUndefined();
});

test("nothing is found past its time", async () => {
  const memory = createMemory<string>({ namesMax: 10, bytesMax: 10_000 });
  memory.keep("a", "", { endsAt: 1_000, bytes: 1, answer: Promise.resolve("a") });
  expect(await memory.find("a", "", 999)).toBe("a");
  expect(memory.find("a", "", 1_000)).toBeUndefined();
});
