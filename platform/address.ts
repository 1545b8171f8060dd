// Which addresses an origin may have: asked when a customer writes a literal one and again when an edge resolves a name.
import { isIPv4, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";

/**
 * `public`: everybody's. `private`: only where the operator allows it (loopback and RFC 1918 among them). `never`: link-local
 * with the cloud's metadata service, multicast, unspecified, reserved.
 */
export type AddressClass = "public" | "private" | "never";

const PRIVATE_RANGES = new Set(["loopback", "private", "uniqueLocal", "carrierGradeNat"]);
/** RFC 6052: the last 32 bits are an IPv4 address. */
const NAT64_PREFIX = ipaddr.IPv6.parseCIDR("64:ff9b::/96");

export function addressClass(address: string): AddressClass {
  if (!isIPv4(address) && !isIPv6(address)) return "never";
  const range = ipaddr.process(embeddedIPv4(address) ?? address).range();
  if (range === "unicast") return "public";
  return PRIVATE_RANGES.has(range) ? "private" : "never";
}

/** The IPv4 address that a NAT64 address carries, which is what a connection would reach. */
export function embeddedIPv4(address: string): string | undefined {
  const parsed = ipaddr.process(address);
  if (!(parsed instanceof ipaddr.IPv6) || !parsed.match(NAT64_PREFIX)) return undefined;
  return new ipaddr.IPv4(parsed.toByteArray().slice(12)).toString();
}
