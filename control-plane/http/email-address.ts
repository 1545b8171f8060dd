// What an e-mail address looks like, and how it is kept.
import { domainToASCII } from "node:url";
import { z } from "zod";

const EMAIL_LENGTH_MAX = 254; // RFC 5321 §4.5.3.1.3, less the angle brackets
const LOCAL_PART_LENGTH_MAX = 64;
const DOMAIN_LENGTH_MAX = 253;

// RFC 5322 §3.4.1 without comments and folding, which is the Mailbox of RFC 5321: what a mail server takes.
const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const DOT_ATOM = new RegExp(`^${ATOM}(?:\\.${ATOM})*$`);
const QUOTED = /^"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"$/;
const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const DOMAIN = new RegExp(`^(?:${LABEL}\\.)+(?!\\d+$)${LABEL}$`);
const ADDRESS_LITERAL = /^\[(?:IPv6:[0-9a-f:.]+|\d{1,3}(?:\.\d{1,3}){3})\]$/i;

/** The domain in lower case and in ASCII (IDNA), so that one mailbox is written one way; the rest as it is. */
export function normaliseEmail(text: string): string {
  const { local, domain } = partsOf(text);
  const ascii = /^[\x21-\x7e]*$/.test(domain) ? domain : domainToASCII(domain);
  return `${local}@${ascii.toLowerCase()}`;
}

/** Whether a normalised text is an address that mail can be sent to. */
export function isEmailAddress(text: string): boolean {
  const { local, domain } = partsOf(text);
  return (
    text.length <= EMAIL_LENGTH_MAX &&
    local.length <= LOCAL_PART_LENGTH_MAX &&
    domain.length <= DOMAIN_LENGTH_MAX &&
    (DOT_ATOM.test(local) || QUOTED.test(local)) &&
    (DOMAIN.test(domain) || ADDRESS_LITERAL.test(domain))
  );
}

export const emailAddress = z
  .string()
  .max(EMAIL_LENGTH_MAX, { error: `must have at most ${EMAIL_LENGTH_MAX} characters.` })
  .overwrite(normaliseEmail)
  .refine(isEmailAddress, {
    error: "must be an e-mail address such as ada@example.com, of at most 254 characters, in ASCII before the @.",
  })
  .meta({ description: "By RFC 5322. An international domain may be written either way, and is kept in ASCII." });

/** Before and behind the last @: a quoted local part may have others. */
function partsOf(text: string): { local: string; domain: string } {
  const at = text.lastIndexOf("@");
  return { local: text.slice(0, Math.max(0, at)), domain: text.slice(at + 1) };
}
