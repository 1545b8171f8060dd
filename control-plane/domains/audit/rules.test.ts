import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Difference, differences, withoutSecrets } from "./rules.ts";

const name = fc.oneof(fc.constantFrom("a", "b", "id", "-", "a/b", "~1", "constructor", "__proto__"), fc.string());
const scalar = fc.oneof(fc.constantFrom(null, true, 0, 1, "", "a"), fc.string(), fc.integer());
const { value } = fc.letrec<{ value: unknown; fields: unknown; members: unknown }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, scalar, fc.array(tie("value"), { maxLength: 3 }), tie("fields"), tie("members")),
  fields: fc.dictionary(name, tie("value"), { maxKeys: 4 }),
  // Few ids, so that before and after share some, in other places.
  members: fc.array(
    fc
      .tuple(fc.constantFrom("a", "b", "c", "constructor", "-"), fc.dictionary(name, tie("value"), { maxKeys: 2 }))
      .map(([id, fields]) => ({ ...fields, id })),
    { maxLength: 4 },
  ),
}));

test("differences, applied to what was before, give what came after", () => {
  fc.assert(
    fc.property(value, value, (before, after) => {
      const applied = differences(before, after).reduce(
        (current: unknown, difference) => withDifference(current, stepsOf(difference.pointer), difference),
        before,
      );
      return isDeepStrictEqual(plain(applied), plain(after));
    }),
    { numRuns: 5_000 },
  );
});

test("what is the same has none, in whatever order its fields stand", () => {
  fc.assert(
    fc.property(value, (same) => differences(same, backwards(plain(same))).length === 0),
    { numRuns: 1_000 },
  );
});

test("each names a place of its own, at which something differs", () => {
  fc.assert(
    fc.property(value, value, (before, after) => {
      const found = differences(before, after);
      const isReal = found.every((difference) => !isDeepStrictEqual(difference.before, difference.after));
      return isReal && new Set(found.map((difference) => difference.pointer)).size === found.length;
    }),
    { numRuns: 1_000 },
  );
});

test("a member of a list is named by its id; its neighbours are not mentioned when it goes", () => {
  const [first, second, third] = ["1", "2", "3"].map((id) => ({ id, weight: 1 }));
  expect(differences({ origins: [first, second, third] }, { origins: [second, { id: "3", weight: 5 }] })).toEqual([
    { pointer: "/origins/1", before: first },
    { pointer: "/origins/3/weight", before: 1, after: 5 },
  ]);
});

test("a new order of a list is one difference", () => {
  const [first, second] = [{ id: "1" }, { id: "2" }];
  expect(differences([first, second], [second, first])).toEqual([
    { pointer: "/-", before: ["1", "2"], after: ["2", "1"] },
  ]);
});

test("a list of things without ids is told whole", () => {
  expect(differences({ hosts: ["a"] }, { hosts: ["a", "b"] })).toEqual([
    { pointer: "/hosts", before: ["a"], after: ["a", "b"] },
  ]);
});

test("a secret that a caller forgot to leave out is not kept, at whatever depth", () => {
  const kept = withoutSecrets([
    { pointer: "/s3_secret_key", before: "(set)", after: "hunter2" },
    { pointer: "/origins/1", after: { url: "https://a", s3_secret_key: "hunter2", s3_access_key_id: "AKIA" } },
    { pointer: "/password", after: ["hunter2", { x: 5 }] },
    { pointer: "/token", after: "hunter2" },
    { pointer: "/token_hash", before: "hunter2" },
    { pointer: "/totp_secret", before: null, after: "(set)" },
    { pointer: "/label", after: { privateKey: "hunter2", passwordHash: "hunter2" } },
  ]);
  expect(JSON.stringify(kept)).not.toContain("hunter2");
  expect(kept).toEqual([
    { pointer: "/s3_secret_key", before: "(set)", after: "(set)" },
    { pointer: "/origins/1", after: { url: "https://a", s3_secret_key: "(set)", s3_access_key_id: "AKIA" } },
    { pointer: "/password", after: ["(set)", { x: "(set)" }] },
    { pointer: "/token", after: "(set)" },
    { pointer: "/token_hash", before: "(set)" },
    { pointer: "/totp_secret", before: null, after: "(set)" },
    { pointer: "/label", after: { privateKey: "(set)", passwordHash: "(set)" } },
  ]);
});

test("what only speaks of a secret stays: its id, its time, whether there is one", () => {
  const spoken = [
    { pointer: "/api_token_id", after: "7d1c" },
    { pointer: "/password_changed_at", after: "2026-01-01T00:00:00Z" },
    { pointer: "/is_secret_set", before: false, after: true },
  ];
  expect(withoutSecrets(spoken)).toEqual(spoken);
});

function stepsOf(pointer: string): readonly string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function withDifference(current: unknown, [step, ...rest]: readonly string[], difference: Difference): unknown {
  if (step === undefined) return difference.after;
  if (Array.isArray(current)) return membersWith(current, [step, ...rest], difference);
  const entries = Object.entries(current ?? {});
  const inner = withDifference(entries.find(([name]) => name === step)?.[1], rest, difference);
  const others = entries.filter(([name]) => name !== step);
  return Object.fromEntries(inner === undefined ? others : [...others, [step, inner]]);
}

function membersWith(
  list: readonly { readonly id: string }[],
  [id, ...rest]: readonly string[],
  difference: Difference,
): readonly unknown[] {
  if (id === "-" && rest.length === 0 && Array.isArray(difference.after)) {
    return difference.after.map((each) => list.find((member) => member.id === each));
  }
  const index = list.findIndex((member) => member.id === id);
  const inner = withDifference(list[index], rest, difference);
  if (inner === undefined) return list.toSpliced(index, 1);
  return index === -1 ? [...list, inner] : list.map((member, at) => (at === index ? inner : member));
}

function plain(something: unknown): unknown {
  return something === undefined ? undefined : JSON.parse(JSON.stringify(something));
}

function backwards(something: unknown): unknown {
  if (Array.isArray(something)) return something.map(backwards);
  if (typeof something !== "object" || something === null) return something;
  const entries = Object.entries(something).map(([name, inner]) => [name, backwards(inner)] as const);
  return Object.fromEntries(entries.reverse());
}
