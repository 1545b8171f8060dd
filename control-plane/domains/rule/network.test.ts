import { expect, test } from "vitest";
import { canonicalNetwork } from "./network.ts";

test.each([
  ["192.0.2.7", "192.0.2.7/32"],
  ["192.0.2.7/24", "192.0.2.0/24"],
  ["0.0.0.0/0", "0.0.0.0/0"],
  ["2001:DB8:0:0:0:0:0:1", "2001:db8::1/128"],
  ["2001:db8:ffff::1/32", "2001:db8::/32"],
  ["::/0", "::/0"],
  ["::ffff:192.0.2.7", "192.0.2.7/32"],
  ["::ffff:192.0.2.7/120", "192.0.2.0/24"],
  [" 192.0.2.0/24 ", "192.0.2.0/24"],
])("%s is kept as %s", (input, network) => {
  expect(canonicalNetwork(input)).toBe(network);
});

test.each([
  ["example.com", "an address or a network"],
  ["192.0.2", "an address or a network"],
  ["0x7f.1", "an address or a network"],
  ["192.0.2.0/", "an address or a network"],
  ["192.0.2.0/24/24", "an address or a network"],
  ["192.0.2.0/-1", "an address or a network"],
  ["fe80::1%eth0", "an address or a network"],
  ["192.0.2.256", "an address or a network"],
  ["192.0.2.0/33", "32 bits"],
  ["2001:db8::/129", "128 bits"],
  ["::ffff:0.0.0.0/90", "inside IPv6"],
])("%s is refused: %s", (input, reason) => {
  expect(canonicalNetwork(input)).toEqual({ fault: expect.stringContaining(reason) });
});
