// Which Debian mirror this machine uses, read from apt's own source files, so that a company's mirror is honoured.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const PUBLIC_MIRROR = "http://deb.debian.org/debian";

export function debianMirror(aptFolder = "/etc/apt"): string {
  const sources = readSources(aptFolder);
  return sources.find(isDebianArchive) ?? PUBLIC_MIRROR;
}

/** The main archive, by the name that mirrors keep: `…/debian`; `…/debian-security` and others' archives are not it. */
function isDebianArchive(uri: string): boolean {
  return /^https?:\/\/.+\/debian\/?$/.test(uri);
}

function readSources(aptFolder: string): string[] {
  const parts = join(aptFolder, "sources.list.d");
  const names = existsSync(parts) ? readdirSync(parts).sort() : [];
  const files = [join(aptFolder, "sources.list"), ...names.map((name) => join(parts, name))].filter((file) =>
    existsSync(file),
  );
  return files.flatMap((file) => {
    const text = readFileSync(file, "utf8");
    if (file.endsWith(".sources")) return stanzaUris(text);
    return file.endsWith(".list") ? lineUris(text) : [];
  });
}

// sources.list(5), deb822 style: stanzas of `Field: values`, a switched-off one has `Enabled: no`.
function stanzaUris(text: string): string[] {
  const enabled = text
    .replace(/^#.*\n?/gm, "")
    .split(/\n\s*\n/)
    .filter((stanza) => !/^Enabled:\s*no/im.test(stanza));
  return enabled.flatMap((stanza) => {
    if (!/^Types:.*\bdeb\b/im.test(stanza)) return [];
    return /^URIs:\s*(.+)$/im.exec(stanza)?.[1]?.trim().split(/\s+/) ?? [];
  });
}

// One-line style: `deb [options] uri suite components…`.
function lineUris(text: string): string[] {
  return [...text.matchAll(/^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)/gm)].flatMap((match) => match[1] ?? []);
}
