// Failures of orders in words for whoever owns the certificate: what was wrong, and what mends it. No input or output.
import { type AuthorityRefusal, kindOf } from "./refusal.ts";

const DETAIL_MAX = 300;

/** `3 hours`, rounded up: nobody comes back too early. */
export function duration(ms: number): string {
  const minutes = Math.max(1, Math.ceil(ms / 60_000));
  if (minutes < 120) return minutes === 1 ? "a minute" : `${minutes} minutes`;
  const hours = Math.ceil(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.ceil(hours / 24)} days`;
}

export type Method = "http-01" | "dns-01";

interface Fault {
  readonly type: string;
  readonly detail: string;
}

/** What to do about a name that the authority did not find proven. */
const CURES: Readonly<Record<string, (name: string, method: Method) => string>> = {
  connection: (name, method) =>
    method === "http-01"
      ? `Let ${name} point to this platform alone (its A and AAAA records, or the CNAME of its distribution), so that the authority reaches it on port 80.`
      : `Check the name servers of ${name}: the authority could not reach them.`,
  dns: (name) => `Check the DNS records and, where it is signed, the DNSSEC of ${name}.`,
  unauthorized: (name, method) =>
    method === "http-01"
      ? `Let ${name} point to this platform alone: remove A and AAAA records that lead elsewhere.`
      : `Check that _acme-challenge.${name} is the CNAME that this platform names, and nothing else.`,
  incorrectResponse: (name, method) =>
    method === "http-01"
      ? `Let ${name} point to this platform alone: remove A and AAAA records that lead elsewhere.`
      : `Check that _acme-challenge.${name} is the CNAME that this platform names, and nothing else.`,
  caa: (name) => `Add a CAA record for ${name} that allows this authority, or remove those that forbid it.`,
  tls: (name) => `Let ${name} answer on port 80 without leading to a broken HTTPS server.`,
};

/** A challenge of this name was judged, and failed. */
export function reasonOfChallenge(name: string, method: Method, fault: Fault): string {
  const cure = CURES[kindOf(fault)]?.(name, method) ?? `Check where ${name} points.`;
  return `The certificate authority could not verify ${name}: ${sentence(fault.detail)} ${cure}`;
}

const OPERATORS_CURES: Readonly<Record<string, string>> = {
  externalAccountRequired:
    "The operator of this platform has to set ACME_EAB_KEY_ID and ACME_EAB_HMAC_KEY to what the authority gave out.",
  invalidContact: "The operator of this platform has to set ACME_EMAIL to an address that the authority takes.",
  unsupportedContact: "The operator of this platform has to set ACME_EMAIL to an address that the authority takes.",
  userActionRequired: "The operator of this platform has to agree to what the authority asks for.",
  invalidProfile: "The operator of this platform has to set ACME_PROFILE to one that the authority has.",
};

/** The authority refused something that it was asked. */
export function reasonOfRefusal({ status, body }: AuthorityRefusal): string {
  const kind = kindOf(body);
  const named = body.subproblems.flatMap(({ identifier, detail }) =>
    identifier === undefined ? [] : [`${identifier.value}: ${sentence(detail)}`],
  );
  const detail = [sentence(body.detail || `it answered ${status}`), ...named].join(" ");
  const said = `The certificate authority refused: ${detail}`;
  if (kind === "rateLimited") return `${said} It is asked again when its limit allows.`;
  if (kind === "rejectedIdentifier") return `${said} Remove the names that it does not issue for.`;
  if (kind === "caa") return `${said} Add a CAA record that allows this authority, or remove those that forbid it.`;
  if (kind === "unauthorized" && status !== 404) return `${said} Check where the names point.`;
  return `${said} ${OPERATORS_CURES[kind] ?? "It is asked again later."}`;
}

/** With one full stop, on one line, of bounded length: it comes from outside. */
function sentence(detail: string): string {
  const line = detail.replace(/\s+/g, " ").trim().slice(0, DETAIL_MAX);
  return /[.!?]$/.test(line) ? line : `${line}.`;
}
