import fc from "fast-check";
import { expect, test } from "vitest";
import { pathPattern as edgePattern } from "../../../edge-templates/index.ts";
import { canonicalPattern, redirectSource } from "./path-pattern.ts";

test.each([
  ["/", "/"],
  ["*", "*"],
  ["*.jpg", "*.jpg"],
  ["/images/*", "/images/*"],
  ["/a//b", "/a//b"],
  ["/**/x", "/*/x"],
  ["/%7Euser/%41", "/~user/A"],
  ["/a%2ab", "/a%2Ab"],
  ["/straße/日本", "/stra%C3%9Fe/%E6%97%A5%E6%9C%AC"],
  ["/a b", "/a%20b"],
  ['/"{;}', "/%22%7B;%7D"],
  ["/.well-known/*", "/.well-known/*"],
  ["/a..b", "/a..b"],
])("%s is kept as %s", (input, pattern) => {
  expect(canonicalPattern(input)).toBe(pattern);
});

test.each([
  ["images/*", "begin with / or *"],
  ["https://example.com/", "begin with / or *"],
  ["/search?q=*", "the query"],
  ["/page#top", "the query"],
  ["/a\\b", "backslash"],
  ["/a%2Fb", "%2F"],
  ["/a%5cb", "%5C"],
  ["/a%00", "%00"],
  ["/100%", "%25"],
  ["/a%zz", "%25"],
  ["/a/../b", "/../"],
  ["/a/%2e%2E", "/../"],
  ["/./a", "/./"],
  ["/a\r\nb", "control"],
  ["/a\u0000", "control"],
  ["/\ud800", "broken"],
  ["/*a*b*c*d*e*f*g*h*i", "8 *"],
  [`/${"ü".repeat(100)}`, "512"],
])("%j is refused: %s", (input, reason) => {
  expect(canonicalPattern(input)).toEqual({ fault: expect.stringContaining(reason) });
});

test.each([
  ["/old/*", true],
  ["/old", true],
  ["/*", true],
  ["*", false],
  ["/*/old", false],
  ["/old/*.html", false],
])("a redirect from %s: %s", (source, isTaken) => {
  expect(redirectSource.safeParse(source).success).toBe(isTaken);
});

const hostile = fc.constantFrom("/", "*", ".", "..", "%2e", "%41", "%", "é", " ", '"', "$", ";");
const anyPattern = fc.array(fc.oneof(hostile, fc.string({ unit: "binary" }))).map((pieces) => `/${pieces.join("")}`);

test("whatever is taken is canonical already, and an edge takes it", () => {
  fc.assert(
    fc.property(anyPattern, (input) => {
      const pattern = canonicalPattern(input);
      if (typeof pattern !== "string") return;
      expect(canonicalPattern(pattern)).toBe(pattern);
      expect(edgePattern.safeParse(pattern).error).toBeUndefined();
    }),
    { numRuns: 3000 },
  );
});
