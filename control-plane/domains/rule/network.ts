// Addresses and networks as customers write them → canonical CIDR.
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { z } from "zod";
import { canonical, type Fault, fault } from "./canonical.ts";

const EXAMPLES = "such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32.";
const WRITTEN = /^([0-9A-Fa-f:.]+)(?:\/(\d{1,3}))?$/;
const MAPPED_BITS = 96;

/** The bits behind the prefix are cleared; an IPv4 network in IPv6 clothes (RFC 4291 § 2.5.5.2) is an IPv4 one. */
export function canonicalNetwork(input: string): string | Fault {
  const [, text, length] = WRITTEN.exec(input.trim()) ?? [];
  // node:net knows the usual forms alone; ipaddr.js takes 0x7f.1 for an address too.
  if (text === undefined || isIP(text) === 0) return fault(`must be an address or a network ${EXAMPLES}`);
  const written = ipaddr.parse(text);
  const bitsMax = written.kind() === "ipv4" ? 32 : 128;
  const bits = length === undefined ? bitsMax : Number(length);
  if (bits > bitsMax) return fault(`must have a prefix of ${bitsMax} bits at most.`);
  if (written instanceof ipaddr.IPv6 && written.isIPv4MappedAddress()) {
    if (bits < MAPPED_BITS) return fault("is an IPv4 network inside IPv6: write it as 192.0.2.0/24.");
    return networkOf(ipaddr.IPv4, written.toIPv4Address().toString(), bits - MAPPED_BITS);
  }
  return networkOf(written.kind() === "ipv4" ? ipaddr.IPv4 : ipaddr.IPv6, text, bits);
}

function networkOf(family: typeof ipaddr.IPv4 | typeof ipaddr.IPv6, address: string, bits: number): string {
  const network = family.networkAddressFromCIDR(`${address}/${bits}`);
  return `${network instanceof ipaddr.IPv6 ? network.toRFC5952String() : network.toString()}/${bits}`;
}

export const network = canonical(z.string().min(1).max(64), canonicalNetwork);
