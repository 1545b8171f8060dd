// Names that certificates are for, and which of them cover a host. No input or output.

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
