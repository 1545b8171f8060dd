// The authorities whose certificates nginx takes from https origins: the operator's file, else the system's, else those
// that came with Node. Read when the agent starts, so that nginx has one file that is always there.
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { ConfigError } from "../../platform/config.ts";
import { findFile, writeDurably } from "../durable-file.ts";

/** Debian and Alpine, Red Hat, SUSE. */
const SYSTEM_FILES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** Leaves `origin-roots.pem` in the folder. */
export async function writeOriginRoots(folder: string, file: string | undefined): Promise<void> {
  const roots = file === undefined ? await systemRoots() : await namedRoots(file);
  const path = join(folder, "origin-roots.pem");
  if ((await findFile(path)) !== roots) await writeDurably(path, roots, 0o644);
}

async function namedRoots(file: string): Promise<string> {
  const text = await findFile(file);
  if (text?.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new ConfigError(`ORIGIN_CA_FILE: ${file} must be a PEM file with the certificates of authorities.`);
}

async function systemRoots(): Promise<string> {
  for (const path of SYSTEM_FILES) {
    const text = await findFile(path);
    if (text?.includes("-----BEGIN CERTIFICATE-----")) return text;
  }
  return `${rootCertificates.join("\n")}\n`;
}
