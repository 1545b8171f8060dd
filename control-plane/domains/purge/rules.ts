// What a purge names, in the spelling of the edges. No input or output.
import { canonicalHostName } from "../../../platform/host-name.ts";

export type PurgeType = "urls" | "prefixes" | "tags" | "all";

/** What is told of one item: its canonical spelling, or what is wrong with it. */
export type Reading = { readonly target: string } | { readonly fault: string };

const ABSOLUTE = /^(https?):\/\/([^/?#]*)(.*)$/is;
// What no request line can hold, and halves of a pair, which are no text.
const NOT_IN_TARGETS = /[\p{Cc}\p{Cs}]/u;
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/;
const ESCAPE = /%([0-9a-f]{2})/gi;
const UNRESERVED = /[A-Za-z0-9\-._~]/;
/** In disguise, servers read these differently: / \ and NUL. */
const FORBIDDEN = new Set(["2F", "5C", "00"]);

/** A URL on one of the hosts, or a target from `/`. */
export function readTarget(text: string, hosts: readonly string[]): Reading {
  if (NOT_IN_TARGETS.test(text)) return { fault: "must be a URL without control characters: escape them (%0A)." };
  const absolute = ABSOLUTE.exec(text);
  const [, , authority, rest = ""] = absolute ?? [];
  if (authority === undefined && !text.startsWith("/")) {
    return { fault: "must begin with / or be a whole URL such as https://www.example.com/page." };
  }
  if (authority !== undefined && !isHostOf(authority, hosts)) {
    return { fault: `must be on a host of this distribution: ${hosts.join(" or ")}.` };
  }
  const target = canonicalTarget(withoutFragment(authority === undefined ? text : slashed(rest)));
  return target === undefined ? { fault: ONE_READING } : { target };
}

/** A path from `/` to `/`. */
export function readPrefix(text: string): Reading {
  if (NOT_IN_TARGETS.test(text)) return { fault: "must be a path without control characters: escape them (%0A)." };
  if (!text.startsWith("/")) return { fault: "must be a path that begins with /, such as /pictures/." };
  if (/[?#]/.test(text)) return { fault: "must be a path alone, without ? and #: a prefix covers every query." };
  if (!text.endsWith("/")) return { fault: "must end with /, such as /pictures/: a prefix covers whole folders." };
  const target = canonicalTarget(text);
  return target === undefined ? { fault: ONE_READING } : { target };
}

const ONE_READING =
  "has no one reading, so edges answer it with 400: it must have no . or .. segment, no \\, no %2F, %5C or %00, and no % but in escapes.";

/**
 * As openresty/lua/url.lua spells the target of a request (RFC 3986 §6.2.2): escapes of unreserved characters are undone,
 * the others are in upper case, raw bytes are escaped. Undefined: edges refuse it.
 */
export function canonicalTarget(text: string): string | undefined {
  // Byte for byte, as Lua does.
  const bytes = Buffer.from(text, "utf8").toString("latin1");
  const question = bytes.indexOf("?");
  const path = canonicalPath(question < 0 ? bytes : bytes.slice(0, question));
  if (path === undefined) return undefined;
  return question < 0 ? path : path + bytes.slice(question).replace(/[^\x21-\x7e]/g, escaped);
}

function canonicalPath(path: string): string | undefined {
  if (!path.startsWith("/") || path.includes("\\") || path.replace(ESCAPE, "").includes("%")) return undefined;
  const escapes = [...path.matchAll(ESCAPE)].map(([, hex = ""]) => hex.toUpperCase());
  if (escapes.some((hex) => FORBIDDEN.has(hex))) return undefined;
  const spelt = path.replace(ESCAPE, (_, hex: string) => {
    const plain = String.fromCharCode(Number.parseInt(hex, 16));
    return UNRESERVED.test(plain) ? plain : `%${hex.toUpperCase()}`;
  });
  if (DOT_SEGMENT.test(spelt)) return undefined;
  return spelt.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/g, escaped);
}

function escaped(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

function withoutFragment(text: string): string {
  return text.split("#", 1)[0] ?? "";
}

/** A URL of a host alone means its first page. */
function slashed(rest: string): string {
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** The port plays no part: viewers behind any of them share what is cached. */
function isHostOf(authority: string, hosts: readonly string[]): boolean {
  const host = canonicalHostName(authority.replace(/:\d*$/, ""));
  if (host === undefined) return false;
  return hosts.includes(host) || hosts.includes(host.replace(/^[^.]*/, "*"));
}

export interface DeliveryState {
  readonly isDone: boolean;
  /** Some edge of the group answers. */
  readonly isLive: boolean;
}

/** Groups without an edge that answers hold nobody up, unless there are no others. Undefined: no worker has told them yet. */
export function statusOf(deliveries: readonly DeliveryState[] | undefined): "pending" | "purging" | "done" {
  if (deliveries === undefined) return "pending";
  const missing = deliveries.filter(({ isDone }) => !isDone);
  if (missing.length === 0) return "done";
  const isAnyLive = deliveries.some(({ isLive }) => isLive);
  return missing.some(({ isLive }) => isLive || !isAnyLive) ? "purging" : "done";
}

/** What is cached under one path may be one answer for several queries: then all of them go. */
export function withAnyQuery(target: string): string {
  return target.split("?", 1)[0] ?? target;
}
