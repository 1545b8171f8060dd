import { expect, test } from "vitest";
import { canonicalDomain } from "./rules.ts";

const ZONE = "edgewright.localhost";

test.each([
  ["www.example.com", "www.example.com"],
  ["WWW.Example.COM", "www.example.com"],
  ["www.example.com.", "www.example.com"],
  ["bücher.example", "xn--bcher-kva.example"],
  ["*.example.com", "*.example.com"],
  ["shop.test", "shop.test"],
])("%s is claimed as %s", (input, canonical) => {
  expect(canonicalDomain(input, ZONE)).toBe(canonical);
});

test.each([
  ["", "host name"],
  ["example", "two labels"],
  ["a b.example.com", "host name"],
  ["www.example.com/path", "host name"],
  ["www..example.com", "host name"],
  [`${"a".repeat(64)}.example.com`, "host name"],
  ["www.*.example.com", "first label"],
  ["**.example.com", "first label"],
  ["192.0.2.1", "not an address"],
  ["0x7f.1", "not an address"],
  ["edgewright.localhost", "own zone"],
  ["x.edgewright.localhost", "own zone"],
  ["printer.local", "nobody can own"],
  ["co.uk", "public suffix"],
  ["*.com", "two labels"],
  ['www.example.com";return 200 "x', "host name"],
])("%j is refused: %s", (input, reason) => {
  expect(canonicalDomain(input, ZONE)).toEqual({ fault: expect.stringContaining(reason) });
});
