// Who is on the line: the connection's peer or, when that is a proxy of ours, whom it speaks for. Without trusted proxies
// X-Forwarded-For is what anybody may write, so it counts for nothing.
import type { IncomingMessage } from "node:http";
import { isIP, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";
import proxyAddr from "proxy-addr";

export interface Clients {
  addressOf(request: IncomingMessage): string;
  /** Whether the client's own connection is encrypted: only a trusted proxy can say so, since this server speaks HTTP. */
  isSecure(request: IncomingMessage): boolean;
}

/** An address, a network as `10.0.0.0/8`, or `loopback`, `linklocal`, `uniquelocal` (RFC 1918 and fc00::/7). */
export function isProxyName(entry: string): boolean {
  try {
    proxyAddr.compile([entry]);
    return true;
  } catch {
    return false;
  }
}

export function createClients(trustedProxies: readonly string[]): Clients {
  if (trustedProxies.length === 0) return { addressOf: peerOf, isSecure: () => false };
  const isTrusted = proxyAddr.compile([...trustedProxies]);
  return {
    addressOf: (request) => {
      // Nearest first, up to the first that is no proxy of ours; what that one wrote may be no address at all.
      const hops = proxyAddr.all(request, isTrusted);
      return unmapped(hops.findLast((hop) => isIP(hop) !== 0) ?? "");
    },
    isSecure: (request) => isTrusted(peerOf(request), 0) && nearestScheme(request) === "https",
  };
}

/** What a limit counts as one: an IPv6 subscriber has at least a /64 to ask from. */
export function subscriberOf(address: string): string {
  if (!isIPv6(address)) return address;
  const network = ipaddr.IPv6.parse(address).parts.slice(0, 4);
  return `${network.map((part) => part.toString(16)).join(":")}::/64`;
}

function peerOf(request: IncomingMessage): string {
  return unmapped(request.socket.remoteAddress ?? "");
}

/** A socket open to IPv4 and IPv6 shows IPv4 addresses in the mapped form. */
function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}

/** The last value is what our own proxy added. */
function nearestScheme(request: IncomingMessage): string | undefined {
  const header = request.headers["x-forwarded-proto"];
  return header?.toString().split(",").at(-1)?.trim().toLowerCase();
}
