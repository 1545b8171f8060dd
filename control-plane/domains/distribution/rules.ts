// Names: what a customer may claim and how it is written. No input or output.
import { isIP } from "node:net";
import { parse as parseName } from "tldts";
import { canonicalHostName } from "../../../platform/host-name.ts";

export interface NameFault {
  readonly fault: string;
}

// RFC 6761 and 7686: names that nobody can be given. `localhost` and `test` stay: they are for trying things out.
const RESERVED_ZONES = ["invalid", "local", "onion", "arpa", "internal"];

/** The name in lower-case ASCII, or what is wrong with it. One `*.` may stand in front. */
export function canonicalDomain(input: string, platformZone: string): string | NameFault {
  const isWildcard = input.startsWith("*.");
  const bare = isWildcard ? input.slice(2) : input;
  if (bare.includes("*")) return { fault: "may have one * and only as its first label: *.example.com." };
  const ascii = canonicalHostName(bare);
  if (ascii === undefined) return { fault: "must be a host name such as www.example.com." };
  if (isIP(ascii) !== 0) return { fault: "must be a name, not an address." };
  if (!ascii.includes(".")) return { fault: "must have at least two labels, such as example.com." };
  if (isBelow(ascii, platformZone)) return { fault: `must not lie in the platform's own zone, ${platformZone}.` };
  if (RESERVED_ZONES.some((zone) => isBelow(ascii, zone))) return { fault: "lies in a zone that nobody can own." };
  const { publicSuffix, isIcann } = parseName(ascii);
  if (isIcann === true && publicSuffix === ascii) return { fault: "is a public suffix, which nobody can own." };
  return isWildcard ? `*.${ascii}` : ascii;
}

function isBelow(name: string, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`);
}

/** A distribution's own CNAME target below the platform's zone. */
export function cnameTarget(token: string, platformZone: string): string {
  return `${token}.cdn.${platformZone}`;
}

export function generatedSubdomain(token: string, platformZone: string): string {
  return `${token}.${platformZone}`;
}
