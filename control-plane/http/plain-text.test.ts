import { expect, test } from "vitest";
import { lineOfText } from "./plain-text.ts";

const name = lineOfText(20);

test.each(["Ada", "Łódź & Söhne", "日本放送", "👩‍👩‍👧", "x".repeat(20), "می‌خواهم"])("%j is a line of text", (text) => {
  expect(name.parse(text)).toBe(text);
});

test("blanks at its ends do not count", () => {
  expect(name.parse("  Ada ")).toBe("Ada");
});

test.each(["", "   ", "a\nb", "a\u0000b", "a\u2028b", "\ud800", "a\u202eb", "x".repeat(21)])("%j is none", (text) => {
  expect(name.safeParse(text).success).toBe(false);
});
