// The authority of a test control plane: it issues certificates to edges, and knows which are its own.
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import forge from "node-forge";

export interface TestAuthority {
  readonly certificate: string;
  /** A life of less than a day began a day ago, so that it is more than half over. */
  issue(csr: string, lifetimeMs?: number): string;
  /** What was issued is worth nothing any more. */
  forgetIssued(): void;
  issued(pem: string): boolean;
}

const DAY_MS = 24 * 3_600_000;

export function createTestAuthority(): TestAuthority {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const signingKey = forge.pki.privateKeyFromPem(pemOf(privateKey));
  const name = [{ name: "commonName", value: "test authority" }];
  const issuedPems = new Set<string>();
  let serial = 1;

  function certify(
    holderKey: forge.pki.PublicKey,
    subject: forge.pki.CertificateField[],
    lifetimeMs = 30 * DAY_MS,
  ): string {
    const certificate = forge.pki.createCertificate();
    certificate.serialNumber = `${serial++}`.padStart(2, "0");
    certificate.publicKey = holderKey;
    if (lifetimeMs < DAY_MS) certificate.validity.notBefore = new Date(Date.now() - DAY_MS);
    certificate.validity.notAfter = new Date(Date.now() + lifetimeMs);
    certificate.setSubject(subject);
    certificate.setIssuer(name);
    certificate.sign(signingKey, forge.md.sha256.create());
    return forge.pki.certificateToPem(certificate);
  }

  return {
    certificate: certify(forge.pki.publicKeyFromPem(pemOf(publicKey)), name),
    issue: (csrPem, lifetimeMs) => {
      const csr = forge.pki.certificationRequestFromPem(csrPem);
      if (!csr.verify() || csr.publicKey === null) throw new Error("the request does not prove its key");
      const certificate = certify(csr.publicKey, csr.subject.attributes, lifetimeMs);
      issuedPems.add(bare(certificate));
      return certificate;
    },
    forgetIssued: () => issuedPems.clear(),
    issued: (pem) => issuedPems.has(bare(pem)),
  };
}

/** One PEM differs from another of the same certificate in its line ends. */
function bare(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s/g, "");
}

export function pemOf(key: KeyObject): string {
  return key.export({ type: key.type === "private" ? "pkcs8" : "spki", format: "pem" }).toString();
}
