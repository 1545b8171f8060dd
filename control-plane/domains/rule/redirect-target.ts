// Where a redirect leads: a path on the same host, or a URL of http or https. The Location header is made of it.
import { isIPv6 } from "node:net";
import { z } from "zod";
import { canonicalHostName } from "../../../platform/host-name.ts";
import { canonical, type Fault, fault, holdsControl } from "./canonical.ts";
import { canonicalPath } from "./path-pattern.ts";

const LENGTH_MAX = 1024;
export const SPLAT = ":splat";

const PARTS = /^(?:(https?):\/\/([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?$/is;
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
const NEEDS_ESCAPE = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]/gu;

export interface RedirectTarget {
  /** Undefined: the host that was asked. */
  readonly origin: { readonly scheme: string; readonly authority: string; readonly host: string } | undefined;
  readonly path: string;
  /** With its ?, or empty. */
  readonly query: string;
  /** With its #, or empty. */
  readonly fragment: string;
}

function canonicalTarget(input: string): string | Fault {
  const parts = partsOf(input);
  if ("fault" in parts) return parts;
  const { origin, path, query, fragment } = parts;
  const target = `${origin === undefined ? "" : `${origin.scheme}://${origin.authority}`}${path}${query}${fragment}`;
  return target.length > LENGTH_MAX ? fault(`is longer than ${LENGTH_MAX} characters once written in ASCII.`) : target;
}

/** A target in its canonical parts. */
export function partsOf(input: string): RedirectTarget | Fault {
  if (holdsControl(input)) return fault("must not hold control characters or broken ones.");
  if (input.startsWith("//")) return fault("must not begin with //, which names another host: write https://.");
  const [, scheme, authority, writtenPath = "", writtenQuery = "", writtenFragment = ""] = PARTS.exec(input) ?? [];
  if (scheme === undefined && !writtenPath.startsWith("/")) {
    return fault("must be a path from / or a URL that begins with http:// or https://.");
  }
  const origin = scheme === undefined ? undefined : originOf(scheme.toLowerCase(), authority ?? "");
  if (origin !== undefined && "fault" in origin) return origin;
  const path = canonicalPath(writtenPath === "" ? "/" : writtenPath);
  if (typeof path !== "string") return path;
  if (path.includes("*")) return fault(`must not hold *; what the * of the source stood for is ${SPLAT}.`);
  if (BAD_ESCAPE.test(writtenQuery + writtenFragment)) {
    return fault("must write a percent sign as %25: % begins an escape such as %20.");
  }
  const fragment = writtenFragment === "" ? "" : `#${escaped(writtenFragment.slice(1))}`;
  return { origin, path, query: escaped(writtenQuery), fragment };
}

function originOf(scheme: string, authority: string): RedirectTarget["origin"] | Fault {
  const [, written = "", port] = /^(.*?)(?::(\d{1,5}))?$/s.exec(authority) ?? [];
  const bare = /^\[(.*)\]$/.exec(written)?.[1];
  const host = bare !== undefined && isIPv6(bare) ? new URL(`http://[${bare}]`).hostname : canonicalHostName(written);
  if (host === undefined) {
    return fault("must name a host after http:// or https://, without a user, a password or :splat.");
  }
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))
    return fault("must name a port from 1 to 65535.");
  const isUsual = port === undefined || Number(port) === (scheme === "https" ? 443 : 80);
  return { scheme, host, authority: isUsual ? host : `${host}:${Number(port)}` };
}

function escaped(text: string): string {
  return text.replaceAll(NEEDS_ESCAPE, (character) => encodeURIComponent(character));
}

export const redirectTarget = canonical(z.string().min(1).max(LENGTH_MAX), canonicalTarget);
