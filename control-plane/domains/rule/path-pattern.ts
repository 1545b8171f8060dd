// Paths as customers write them → the one spelling in which edges compare them (openresty/lua/url.lua).
import { z } from "zod";
import { canonical, type Fault, fault, holdsControl, listOf } from "./canonical.ts";

const LENGTH_MAX = 512;
const STARS_MAX = 8;
const PATTERNS_MAX = 50;

const UNRESERVED = /[A-Za-z0-9\-._~]/;
const ESCAPE_OR_FOREIGN = /%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/gu;
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
const AMBIGUOUS = /\\|%(?:2f|5c|00)/i;
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/;

/** RFC 3986 § 6.2.2: escapes of plain characters are undone, all others are made and in upper case. */
export function canonicalPath(path: string): string | Fault {
  if (holdsControl(path)) return fault("must not hold control characters or broken ones.");
  if (AMBIGUOUS.test(path)) {
    return fault("must not hold a backslash, %2F, %5C or %00: servers read them differently, so edges answer 400.");
  }
  if (BAD_ESCAPE.test(path)) return fault("must write a percent sign as %25: % begins an escape such as %20.");
  const spelt = path.replaceAll(ESCAPE_OR_FOREIGN, canonicalCharacter);
  if (DOT_SEGMENT.test(spelt)) return fault("must not hold /./ or /../: edges answer such paths with 400.");
  return spelt;
}

function canonicalCharacter(text: string): string {
  if (!text.startsWith("%")) return encodeURIComponent(text);
  const plain = String.fromCharCode(Number.parseInt(text.slice(1), 16));
  return UNRESERVED.test(plain) ? plain : text.toUpperCase();
}

export function canonicalPattern(input: string): string | Fault {
  if (!/^[/*]/.test(input)) return fault("must begin with / or *, such as /images/* or *.jpg.");
  if (/[?#]/.test(input)) return fault("must be a path alone: the query and what follows # are not compared.");
  const path = canonicalPath(input);
  if (typeof path !== "string") return path;
  const pattern = path.replaceAll(/\*{2,}/g, "*");
  if (pattern.split("*").length - 1 > STARS_MAX) return fault(`must hold ${STARS_MAX} * at most.`);
  if (pattern.length > LENGTH_MAX) return fault(`is longer than ${LENGTH_MAX} characters once written in ASCII.`);
  return pattern;
}

const patternText = z.string().min(1).max(LENGTH_MAX);

/** An exact path, or everything below one: what redirects begin from. */
export const redirectSource = canonical(patternText, (input) => {
  const pattern = canonicalPattern(input);
  if (typeof pattern !== "string") return pattern;
  if (!pattern.startsWith("/")) return fault("must begin with /.");
  if (/\*./.test(pattern)) return fault("may hold one * and only at its end, such as /old/*.");
  return pattern;
});

export const pathPatterns = listOf(canonical(patternText, canonicalPattern), { countMax: PATTERNS_MAX }).meta({
  description: "Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.",
});
