// Names that certificates are for, which of them cover a host, and where proofs of them are looked for. No input or output.
import { createHash } from "node:crypto";

/** A wildcard covers exactly one label (RFC 9525 §6.3); a wildcard as a host is covered by itself alone. */
export function covers(names: readonly string[], host: string): boolean {
  if (names.includes(host)) return true;
  const dot = host.indexOf(".");
  return !host.startsWith("*.") && dot > 0 && names.includes(`*${host.slice(dot)}`);
}

/** What one wildcard certificate holds for everybody: the zone, generated names below it, and targets of CNAMEs. */
export function platformCertificateNames(zone: string): readonly string[] {
  return [zone, `*.${zone}`, `*.cdn.${zone}`];
}

const LABEL_LENGTH = 32;

/**
 * Where a customer points `_acme-challenge.<name>` once, by a CNAME: a name in our zone that only this account's orders
 * write to. Which name and which account it is for cannot be read out of it.
 */
export function delegationTarget(accountId: string, name: string, zone: string): string {
  const base = name.replace(/^\*\./, "");
  const label = createHash("sha256").update(`${accountId}|${base}`).digest("hex").slice(0, LABEL_LENGTH);
  return `${label}.acme-challenge.${zone}`;
}
