// The certificate that nginx shows when it has no better one: made by the agent, for the platform's own names.
import { generateKeyPair, X509Certificate } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import forge from "node-forge";
import { findFile, writeDurably } from "../durable-file.ts";

const DAY_MS = 24 * 3_600_000;
const LIFETIME_DAYS = 3_650;

/** Leaves tls/fallback.crt and tls/fallback.key; a pair that is still good for a month is kept. */
export async function ensureFallbackCertificate(folder: string, zone: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const [certificate, key] = await Promise.all([
    findFile(join(folder, "fallback.crt")),
    findFile(join(folder, "fallback.key")),
  ]);
  if (certificate !== undefined && key !== undefined && isGood(certificate, zone)) return;
  const made = await makeCertificate(zone);
  await writeDurably(join(folder, "fallback.key"), made.key, 0o600);
  await writeDurably(join(folder, "fallback.crt"), made.certificate, 0o644);
}

function isGood(pem: string, zone: string): boolean {
  const certificate = new X509Certificate(pem);
  return Date.parse(certificate.validTo) > Date.now() + 30 * DAY_MS && certificate.checkHost(zone) !== undefined;
}

async function makeCertificate(zone: string): Promise<{ certificate: string; key: string }> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const key = forge.pki.privateKeyFromPem(pem);
  const certificate = forge.pki.createCertificate();
  const name = [{ name: "commonName", value: zone.slice(0, 64) }];
  certificate.publicKey = forge.pki.setRsaPublicKey(key.n, key.e);
  // Positive, and without a padding that DER forbids: the first byte is neither 00 nor above 7f.
  certificate.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(15))}`;
  certificate.validity.notBefore = new Date(Date.now() - DAY_MS);
  certificate.validity.notAfter = new Date(Date.now() + LIFETIME_DAYS * DAY_MS);
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    { name: "basicConstraints", cA: false },
    { name: "extKeyUsage", serverAuth: true },
    {
      name: "subjectAltName",
      altNames: [
        ...[zone, `*.${zone}`, "localhost"].map((value) => ({ type: 2, value })),
        { type: 7, ip: "127.0.0.1" },
      ],
    },
  ]);
  certificate.sign(key, forge.md.sha256.create());
  return { certificate: forge.pki.certificateToPem(certificate), key: pem };
}
