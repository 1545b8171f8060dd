// Which addresses an origin may have: asked when a customer writes a literal one and again when an edge resolves a name.
import { isIPv4, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";

/**
 * `public`: everybody's. `private`: only where the operator allows it (loopback and RFC 1918 among them). `never`: link-local
 * with the cloud's metadata service, multicast, unspecified, reserved.
 */
export type AddressClass = "public" | "private" | "never";

const PRIVATE_RANGES = new Set(["loopback", "private", "uniqueLocal", "carrierGradeNat"]);
/** Embed an IPv4 address in their last 32 bits, which is what a connection would reach. */
const NAT64_PREFIX = ipaddr.IPv6.parseCIDR("64:ff9b::/96");

export function addressClass(address: string): AddressClass {
  if (!isIPv4(address) && !isIPv6(address)) return "never";
  const parsed = embeddedIPv4(ipaddr.process(address));
  const range = parsed.range();
  if (range === "unicast") return "public";
  return PRIVATE_RANGES.has(range) ? "private" : "never";
}

function embeddedIPv4(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  if (address instanceof ipaddr.IPv6 && address.match(NAT64_PREFIX)) {
    return new ipaddr.IPv4(address.toByteArray().slice(12));
  }
  return address;
}
