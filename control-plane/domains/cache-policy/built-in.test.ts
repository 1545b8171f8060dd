// The built-in policies are rules that an edge takes, and keep their ids: customers' distributions name them.
import { expect, test } from "vitest";
import { compileDocument } from "../../../edge-templates/index.ts";
import { exampleDistribution } from "../../../edge-templates/test-examples.ts";
import { builtInPolicies } from "./built-in.ts";

const policies = Object.entries(builtInPolicies);

test.each(policies)("%s compiles, rule by rule", (name, policy) => {
  expect(policy.name).toBe(name);
  const { cache } = JSON.parse(compileDocument({ ...exampleDistribution, cacheRules: policy.rules }).body);
  expect(cache.rules).toHaveLength(policy.rules.length);
});

test("their ids are what they were", () => {
  expect(policies.map(([, { id }]) => id)).toEqual([
    "5ec3d2a0-7a1e-4b52-9c0d-0a6f3b7e1c01",
    "5ec3d2a0-7a1e-4b52-9c0d-0a6f3b7e1c02",
    "5ec3d2a0-7a1e-4b52-9c0d-0a6f3b7e1c03",
    "5ec3d2a0-7a1e-4b52-9c0d-0a6f3b7e1c04",
  ]);
});

test.each(["static", "media"] as const)("%s keeps films in slices, so that a seek never fetches the whole", (name) => {
  const ruleOf = (extension: string) =>
    builtInPolicies[name].rules.find(({ extensions }) => extensions.includes(extension));
  for (const film of ["mp4", "mov", "mkv", "webm"]) expect(ruleOf(film)?.isSliced, film).toBe(true);
  // Segments are small, and one of them is asked for whole.
  for (const segment of ["ts", "m4s"]) expect(ruleOf(segment)?.isSliced, segment).toBe(false);
});
