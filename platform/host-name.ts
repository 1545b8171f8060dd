// Host names as people write them → the one ASCII form in which they are kept and compared.
import { domainToASCII } from "node:url";

const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
const NAME_MAX = 253;
// domainToASCII reads as a URL does: it would cut the name at the first of these, or decode it.
const NOT_IN_NAMES = /[\s/\\?#@:%[\]]/;

/** Lower-case ASCII without the root's dot. Undefined: it is no host name. An IPv4 address passes, in its usual form. */
export function canonicalHostName(input: string): string | undefined {
  const ascii = NOT_IN_NAMES.test(input) ? "" : domainToASCII(input.replace(/\.$/, ""));
  if (ascii === "" || ascii.length > NAME_MAX) return undefined;
  return ascii.split(".").every((label) => LABEL.test(label)) ? ascii : undefined;
}
