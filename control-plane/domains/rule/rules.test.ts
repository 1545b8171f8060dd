import fc from "fast-check";
import { expect, test } from "vitest";
import { insertedAt, merged, replacedAt, without } from "./rules.ts";

interface Item {
  readonly id: string;
  readonly text: string;
}

const items = fc.uniqueArray(fc.record({ id: fc.uuid(), text: fc.string() }), {
  selector: ({ id }) => id,
  maxLength: 12,
});
const idsOf = (list: readonly Item[]) => list.map(({ id }) => id);
/** A list, one item of it or a new one, and a place in it. */
const listWithPlace = fc
  .tuple(items, fc.uuid())
  .filter(([list, id]) => !idsOf(list).includes(id))
  .chain(([list, id]) => fc.tuple(fc.constant(list), fc.constant(id), fc.integer({ min: 1, max: list.length + 1 })));
const filledWithPlace = items
  .filter((list) => list.length > 0)
  .chain((list) => fc.tuple(fc.constant(list), fc.constantFrom(...list), fc.integer({ min: 1, max: list.length })));

test("what is inserted stands at its position, and the others keep their order", () => {
  fc.assert(
    fc.property(listWithPlace, ([list, id, position]) => {
      const longer = insertedAt(list, position, { id, text: "new" });
      expect(longer[position - 1]?.id).toBe(id);
      expect(without(longer, id)).toEqual(list);
    }),
  );
});

test("what moves stands at its position, and the others keep their order", () => {
  fc.assert(
    fc.property(filledWithPlace, ([list, item, position]) => {
      const moved = replacedAt(list, position, { ...item, text: "changed" });
      expect(moved[position - 1]).toEqual({ id: item.id, text: "changed" });
      expect(without(moved, item.id)).toEqual(without(list, item.id));
    }),
  );
});

test("what changes without a position stays where it is, and nothing else changes", () => {
  fc.assert(
    fc.property(filledWithPlace, ([list, item]) => {
      const changed = replacedAt(list, undefined, { ...item, text: "changed" });
      expect(idsOf(changed)).toEqual(idsOf(list));
      expect(changed.filter((other, index) => other !== list[index])).toHaveLength(1);
    }),
  );
});

test("what is removed is gone, and nothing else", () => {
  fc.assert(
    fc.property(filledWithPlace, ([list, item]) => {
      expect(idsOf(without(list, item.id))).toEqual(idsOf(list).filter((id) => id !== item.id));
    }),
  );
});

// RFC 7396, appendix A.
test.each([
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])("%j patched with %j is %j", (target, patch, result) => {
  expect(merged(target, patch)).toEqual(result);
});
