import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { createScope } from "./scope.ts";

test("whoever is below reads the innermost value, across turns and beside each other", async () => {
  const scope = createScope<string>();
  const below = async () => {
    await turn();
    return scope.read();
  };
  expect(scope.read()).toBeUndefined();
  const read = await Promise.all([
    scope.run("a", below),
    scope.run("b", async () => [await below(), await scope.run("c", below), await below()]),
  ]);
  expect(read).toEqual(["a", ["b", "c", "b"]]);
  expect(scope.read()).toBeUndefined();
});

test("one that ends, or fails, leaves those that still run their value", async () => {
  const scope = createScope<number>();
  const failing = scope.run(1, () => Promise.reject(new Error("it fails")));
  const lasting = scope.run(2, async () => {
    await expect(failing).rejects.toThrow("it fails");
    await turn();
    return scope.read();
  });
  expect(await lasting).toBe(2);
  expect(await scope.run(3, async () => scope.read())).toBe(3);
});
