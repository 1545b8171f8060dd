// A certificate authority for tests of the edge: issues what an origin shows, right or wrong.
import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import forge from "node-forge";

export interface TestAuthority {
  /** PEM. */
  readonly certificate: string;
  issue(names: readonly string[], options?: { expired: boolean }): Promise<{ key: string; cert: string }>;
}

const DAY_MS = 86_400_000;

export async function createTestAuthority(name: string): Promise<TestAuthority> {
  const keys = await newKeys();
  const subject = [{ name: "commonName", value: name }];
  const root = unsigned(keys.publicKey, { subject, issuer: subject, fromMs: -DAY_MS, toMs: DAY_MS });
  root.setExtensions([
    { name: "basicConstraints", critical: true, cA: true },
    { name: "keyUsage", keyCertSign: true },
    { name: "subjectKeyIdentifier" },
  ]);
  const issuerKey = forge.pki.privateKeyFromPem(keys.privateKey);
  root.sign(issuerKey, forge.md.sha256.create());
  return {
    certificate: forge.pki.certificateToPem(root),
    async issue(names, { expired } = { expired: false }) {
      const own = await newKeys();
      const leaf = unsigned(own.publicKey, {
        subject: [{ name: "commonName", value: "origin" }],
        issuer: subject,
        fromMs: -2 * DAY_MS,
        toMs: expired ? -DAY_MS : DAY_MS,
      });
      leaf.setExtensions([
        { name: "extKeyUsage", serverAuth: true },
        { name: "subjectAltName", altNames: names.map((value) => ({ type: 2, value })) },
      ]);
      leaf.sign(issuerKey, forge.md.sha256.create());
      return { key: own.privateKey, cert: forge.pki.certificateToPem(leaf) };
    },
  };
}

async function newKeys(): Promise<{ publicKey: string; privateKey: string }> {
  return promisify(generateKeyPair)("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
}

function unsigned(
  publicKey: string,
  fields: {
    subject: forge.pki.CertificateField[];
    issuer: forge.pki.CertificateField[];
    fromMs: number;
    toMs: number;
  },
): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey);
  certificate.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(15))}`;
  certificate.validity.notBefore = new Date(Date.now() + fields.fromMs);
  certificate.validity.notAfter = new Date(Date.now() + fields.toMs);
  certificate.setSubject(fields.subject);
  certificate.setIssuer(fields.issuer);
  return certificate;
}
