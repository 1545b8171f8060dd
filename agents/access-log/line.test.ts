import fc from "fast-check";
import { expect, test } from "vitest";
import { accessLogLineSchema, isLine, readLine } from "./line.ts";
import { line } from "./test-lines.ts";

const fields = fc.constantFrom(...Object.keys(accessLogLineSchema.shape));
/** What may stand in any field: right in some, wrong in others. */
const values = fc.oneof(
  fc.jsonValue(),
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.uuid(),
  fc.constantFrom<unknown>(
    ...[undefined, null, "", "0", "1700000000.123", "1700000000.1234", "17000000000", -0, 0, 1, 65_535, 65_536],
    ...[2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 40 + 1, 2 ** 53, 1e300, Number.NaN, Number.POSITIVE_INFINITY, true, [], {}],
    ...[
      "0".repeat(64),
      "0".repeat(65),
      "0".repeat(32),
      "G".repeat(32),
      "00000000-0000-0000-0000-000000000000",
      "6F1E3F0E-64C5-4B52-9A0C-1D1A2A0F1F11",
    ],
  ),
);
const changes = fc.array(fc.tuple(fields, values), { maxLength: 3 });

test("the reader by hand says what the schema says of every line", () => {
  fc.assert(
    fc.property(changes, (changed) => {
      const json: Record<string, unknown> = { ...line(), ...Object.fromEntries(changed) };
      expect(isLine(json)).toBe(accessLogLineSchema.safeParse(json).success);
    }),
    { numRuns: 3_000 },
  );
});

test("a field that is missing is found, unless older edges had none", () => {
  const optional = Object.keys(line()).filter((name) => {
    const rest = Object.fromEntries(Object.entries(line()).filter(([other]) => other !== name));
    return isLine(rest);
  });
  expect(optional.sort()).toEqual(["content_type", "fetched_bytes", "origin_bytes", "query", "ttfb_ms", "weight"]);
});

test.each(["bytes_out", "bytes_in", "origin_bytes", "fetched_bytes"])("no answer has more %s than a TiB", (name) => {
  expect(isLine({ ...line(), [name]: 2 ** 40 })).toBe(true);
  expect(isLine({ ...line(), [name]: 2 ** 40 + 1 })).toBe(false);
});

test.each(["", "null", "[]", '"x"', "{", '{"time":"1"}', "\u0000"])("%j is no line", (text) => {
  expect(readLine(text)).toBeUndefined();
});
