// Writers print what they say they print, or throw.
import { describe, expect, test } from "vitest";
import { WriterError, writers } from "./writers.ts";

const NONE = [undefined, null, {}, [], Number.NaN];

describe.each([
  ["quote", ["", "a b", 'a"b', "a\\b", "a$b"], [...NONE, 1, true, "a\0b", "x".repeat(4000), "$".repeat(300)]],
  ["int", [0, 1, 2 ** 53 - 1], [...NONE, -1, 1.5, "1", 2 ** 53, true]],
  [
    "host",
    ["a", "a.example", "xn--a-0ga.example", "_acme.a.example", "127.0.0.1"],
    [...NONE, "", "A.example", "a..b", "a b", "a;b", "-a", "a_.", "a".repeat(64), `${"a.".repeat(127)}ab`, "$host"],
  ],
  [
    "address",
    ["127.0.0.1", "0.0.0.0", "::", "2001:db8::1"],
    [...NONE, "256.0.0.1", "1.2.3", "a", "[::1]", ":", "localhost"],
  ],
  ["path", ["a", "a/b-c.d", "edge-group/1"], [...NONE, "", "../a", "a/../b", "a b", "a;b", "$a", "a\nb"]],
  ["flag", [true, false], [...NONE, "on", 0]],
] as const)("%s", (name, good, bad) => {
  const write = writers[name];
  test.each(good.map((value) => [value]))("prints %j", (value) => {
    expect(write(value)).toBeTypeOf("string");
  });
  test.each(bad.map((value) => [value]))("throws on %j", (value) => {
    expect(() => write(value)).toThrow(WriterError);
  });
});

test("what is printed", () => {
  expect(writers.quote('a"b\\c$d')).toBe('"a\\"b\\\\c\u0024{literal_dollar}d"');
  expect(writers.address("::1")).toBe("[::1]");
  expect([writers.flag(true), writers.flag(false)]).toEqual(["on", "off"]);
});
