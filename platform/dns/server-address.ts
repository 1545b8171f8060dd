// How settings name a DNS server: an address or a host, and a port when it is not 53.
import { isIP, isIPv6 } from "node:net";
import { canonicalHostName } from "../host-name.ts";

export interface DnsServerAddress {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

const DNS_PORT = 53;

/** `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53`, `[2001:db8::53]:5353`, `ns.example.com:53`. Undefined: none of these. */
export function parseDnsServer(text: string): DnsServerAddress | undefined {
  const trimmed = text.trim();
  if (isIPv6(trimmed)) return { host: trimmed, port: DNS_PORT };
  const [, bracketed, plain = "", port] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(trimmed) ?? [];
  const host = bracketed ?? plain;
  const isKnown = bracketed === undefined ? canonicalHostName(plain) !== undefined : isIPv6(bracketed);
  const number = port === undefined ? DNS_PORT : Number(port);
  return isKnown && number >= 1 && number <= 65535 ? { host, port: number } : undefined;
}

/** Resolvers are asked for names: they themselves must have an address. */
export function isResolverAddress(text: string): boolean {
  const server = parseDnsServer(text);
  return server !== undefined && isIP(server.host) !== 0;
}

export function formatDnsServer({ host, port }: DnsServerAddress): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
