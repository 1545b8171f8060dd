// Which URL an edge is to ask for. No input or output.
import { canonicalHostName } from "../../../platform/host-name.ts";

export interface Place {
  /** `https`: for every URL, since the edges answer nothing else over HTTP. */
  readonly scheme: "http" | "https";
  readonly host: string;
}

const ABSOLUTE = /^(https?):\/\/([^/?#:]*)/i;

/** `target`: the canonical one of this text, whose host is the distribution's. A target alone is `otherwise`'s. */
export function absoluteUrl(text: string, target: string, otherwise: Place): string {
  const [, scheme, authority = ""] = ABSOLUTE.exec(text) ?? [];
  const { scheme: usual, host } = otherwise;
  if (scheme === undefined) return `${usual}://${host}${target}`;
  const asked = usual === "https" ? usual : scheme.toLowerCase();
  return `${asked}://${canonicalHostName(authority) ?? host}${target}`;
}
