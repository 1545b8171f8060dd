// The DNS records that would mend what a look found amiss, exactly as they are to be entered. No input or output.
import { isIPv6 } from "node:net";
import { baseOf, isApex, TOKEN_PREFIX, tokenNameOf } from "./rules.ts";
import type { DnsRecord } from "./schema.ts";

const ADDRESSES_MAX = 8;

/** To lead the name here. Nothing but addresses can stand at the top of a zone (RFC 1912 §2.4). */
export function pointingRecords(name: string, cname: string, addresses: readonly string[]): DnsRecord[] {
  if (!isApex(name) || addresses.length === 0) return [{ type: "CNAME", name, value: cname }];
  return addresses
    .slice(0, ADDRESSES_MAX)
    .map((value) => ({ type: isIPv6(value) ? ("AAAA" as const) : ("A" as const), name, value }));
}

export function tokenText(token: string): string {
  return `${TOKEN_PREFIX}${token}`;
}

/** To prove whose the name is without leading it anywhere. */
export function tokenRecord(name: string, token: string): DnsRecord {
  return { type: "TXT", name: tokenNameOf(name), value: tokenText(token) };
}

/** Once, so that challenges of wildcards can be answered in the platform's own zone. */
export function delegationRecord(name: string, target: string): DnsRecord {
  return { type: "CNAME", name: `_acme-challenge.${baseOf(name)}`, value: target };
}
