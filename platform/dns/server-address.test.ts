import { expect, test } from "vitest";
import { formatDnsServer, isResolverAddress, parseDnsServer } from "./server-address.ts";

test.each([
  ["192.0.2.53", "192.0.2.53:53"],
  ["192.0.2.53:5353", "192.0.2.53:5353"],
  ["2001:db8::53", "[2001:db8::53]:53"],
  ["[2001:db8::53]:5353", "[2001:db8::53]:5353"],
  ["ns1.example.com", "ns1.example.com:53"],
  [" ns1.example.com:54 ", "ns1.example.com:54"],
])("%s is %s", (text, canonical) => {
  const server = parseDnsServer(text);
  expect(server === undefined ? undefined : formatDnsServer(server)).toBe(canonical);
});

test.each(["", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536", "[192.0.2.53]:53", "udp://192.0.2.53", "a b"])(
  "%j is no server",
  (text) => expect(parseDnsServer(text)).toBeUndefined(),
);

test("a resolver has an address", () => {
  expect(isResolverAddress("[::1]:53")).toBe(true);
  expect(isResolverAddress("resolver.example.com")).toBe(false);
});
