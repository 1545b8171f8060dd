import fc from "fast-check";
import { expect, test } from "vitest";
import { hashOf, isMeantAsToken, isToken, tokenOf } from "./rules.ts";

const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((array) => Buffer.from(array));

test("every 256 bits make a token of one form, which is recognised", () => {
  fc.assert(
    fc.property(bytes, (secret) => {
      const token = tokenOf(secret);
      return /^ewt_[0-9A-Za-z]{49}$/.test(token) && isToken(token) && isMeantAsToken(token);
    }),
  );
  expect(tokenOf(Buffer.alloc(32, 0xff))).toHaveLength(53);
});

test("two secrets never make one token, and a token gives one hash", () => {
  fc.assert(
    fc.property(bytes, bytes, (first, second) => first.equals(second) === (tokenOf(first) === tokenOf(second))),
  );
  expect(hashOf("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

test("a token with one wrong character is told without asking anybody", () => {
  const token = tokenOf(Buffer.alloc(32, 5));
  for (let index = 4; index < token.length; index++) {
    const wrong = `${token.slice(0, index)}${token[index] === "x" ? "y" : "x"}${token.slice(index + 1)}`;
    expect(isToken(wrong)).toBe(false);
  }
});

test.each(["", "ewt_", "eyJhbGciOiJIUzI1NiJ9.e30.x", `ewt_${"0".repeat(48)}`, `ewt_${"0".repeat(43)}-00000`])(
  "%j is no token",
  (text) => {
    expect(isToken(text)).toBe(false);
  },
);
