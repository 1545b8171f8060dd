import { expect, test } from "vitest";
import { canonicalHostName } from "./host-name.ts";

test.each([
  ["Www.Example.COM", "www.example.com"],
  ["example.com.", "example.com"],
  ["bücher.example", "xn--bcher-kva.example"],
  ["ＥＸＡＭＰＬＥ.com", "example.com"],
  ["_dmarc.example.com", "_dmarc.example.com"],
  ["localhost", "localhost"],
  ["0x7f.1", "127.0.0.1"],
])("%s is kept as %s", (input, name) => {
  expect(canonicalHostName(input)).toBe(name);
});

test.each([
  "",
  ".",
  "a..b",
  "-a.example",
  "a b.example",
  "example.com:80",
  "example.com/x",
  "user@example.com",
  "%65xample.com",
  "[::1]",
  `${"a".repeat(64)}.example`,
  `${"a.".repeat(127)}example`,
  "a\u0000b.example",
])("%j is no host name", (input) => {
  expect(canonicalHostName(input)).toBeUndefined();
});
