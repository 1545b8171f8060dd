// The edges' own certificate authority: made once for the platform, its key sealed in the database. It checks signing
// requests and issues certificates; who may have one is decided in service.ts.
import { createHash, generateKeyPair, randomBytes, X509Certificate } from "node:crypto";
import { promisify } from "node:util";
import forge from "node-forge";
import { z } from "zod";
import { edgeServerName } from "../../../agents/contract.ts";
import type { Seal } from "../../../platform/seal.ts";
import type { Database } from "../../database/transaction.ts";
import { ensurePlatformSecret } from "../secret/index.ts";

const SECRET_NAME = "edge-authority";
const CA_KEY_BITS = 3072;
const CA_YEARS = 20;
const EDGE_KEY_BITS = { min: 2048, max: 4096 } as const;
const CERTIFICATE_DAYS = 30;
// A node's clock may be behind ours.
const BACKDATED_MS = 5 * 60_000;
const DAY_MS = 86_400_000;

const storedSchema = z.object({ certificate: z.string(), key: z.string() });
type Stored = z.infer<typeof storedSchema>;

export interface CertificateRequest {
  readonly edgeId: string;
  readonly groupId: string;
  readonly publicKey: string;
  readonly now: Date;
}

export interface IssuedCertificate {
  readonly certificate: string;
  /** Lower-case hex. */
  readonly serial: string;
  readonly notAfter: Date;
}

export interface Authority {
  readonly certificatePem: string;
  readonly certificate: X509Certificate;
  /** Base64url SHA-256 of the public key: an enrolment token carries it, so that an agent knows whom to trust. */
  readonly pin: string;
  issue(request: CertificateRequest): IssuedCertificate;
}

/** Opens the authority at first use, making it when there is none; two processes that both try end with the same one. */
export function createEdgeAuthority({ db, seal, clock }: { db: Database; seal: Seal; clock: () => Date }) {
  let opened: Promise<Authority> | undefined;

  async function open(): Promise<Authority> {
    const make = async () => JSON.stringify(await makeAuthority(clock()));
    return openAuthority(parseStored(await ensurePlatformSecret(db, seal, { name: SECRET_NAME, make })));
  }

  return function authority(): Promise<Authority> {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}
export type EdgeAuthority = ReturnType<typeof createEdgeAuthority>;

/** The edge that a certificate names, in its subject alternative name. */
export function edgeUri(edgeId: string): string {
  return `urn:edgewright:edge:${edgeId}`;
}

/** The public key (PEM) that a signing request asks a certificate for, or what is wrong with the request. */
export function readSigningRequest(csr: string): { publicKey: string } | { fault: string } {
  try {
    const request = forge.pki.certificationRequestFromPem(csr);
    if (request.publicKey === null) return { fault: "has no public key." };
    const publicKey = forge.pki.publicKeyToPem(request.publicKey);
    const bits = forge.pki.publicKeyFromPem(publicKey).n.bitLength();
    // Before the signature: checking one of a huge key is work that nobody should be able to ask for.
    if (bits < EDGE_KEY_BITS.min || bits > EDGE_KEY_BITS.max) {
      return { fault: `must have an RSA key of ${EDGE_KEY_BITS.min} to ${EDGE_KEY_BITS.max} bits, not ${bits}.` };
    }
    return request.verify() ? { publicKey } : { fault: "is not signed by its own key." };
  } catch {
    // forge throws strings and errors of all kinds at whatever it cannot read.
    return { fault: "must be a PKCS#10 signing request in PEM with an RSA key, signed by that key." };
  }
}

function parseStored(json: string): Stored {
  return storedSchema.parse(JSON.parse(json));
}

export function openAuthority(stored: Stored): Authority {
  const certificate = new X509Certificate(stored.certificate);
  const issuer = forge.pki.certificateFromPem(stored.certificate);
  const key = forge.pki.privateKeyFromPem(stored.key);
  const publicKey = certificate.publicKey.export({ type: "spki", format: "der" });

  // An edge shows it to the control plane and, on either side of a connection, to edges of its parent and child groups:
  // who is asked looks at the group in the subject, who asks at the name.
  function issue(request: CertificateRequest): IssuedCertificate {
    const leaf = forge.pki.createCertificate();
    leaf.publicKey = forge.pki.publicKeyFromPem(request.publicKey);
    leaf.serialNumber = newSerial();
    leaf.validity.notBefore = wholeSeconds(request.now.getTime() - BACKDATED_MS);
    leaf.validity.notAfter = wholeSeconds(request.now.getTime() + CERTIFICATE_DAYS * DAY_MS);
    leaf.setSubject([
      { name: "commonName", value: request.edgeId },
      { name: "organizationalUnitName", value: request.groupId },
    ]);
    leaf.setIssuer(issuer.subject.attributes);
    leaf.setExtensions([
      { name: "basicConstraints", critical: true, cA: false },
      { name: "keyUsage", critical: true, digitalSignature: true },
      { name: "extKeyUsage", clientAuth: true, serverAuth: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 6, value: edgeUri(request.edgeId) },
          { type: 2, value: edgeServerName(request) },
        ],
      },
    ]);
    leaf.sign(key, forge.md.sha256.create());
    return {
      certificate: forge.pki.certificateToPem(leaf),
      serial: leaf.serialNumber,
      notAfter: leaf.validity.notAfter,
    };
  }

  return {
    certificatePem: stored.certificate,
    certificate,
    pin: createHash("sha256").update(publicKey).digest("base64url"),
    issue,
  };
}

export async function makeAuthority(now: Date): Promise<Stored> {
  const pair = await promisify(generateKeyPair)("rsa", {
    modulusLength: CA_KEY_BITS,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(pair.publicKey);
  certificate.serialNumber = newSerial();
  certificate.validity.notBefore = wholeSeconds(now.getTime() - BACKDATED_MS);
  certificate.validity.notAfter = wholeSeconds(now.getTime() + CA_YEARS * 365 * DAY_MS);
  const name = [{ name: "commonName", value: `Edgewright edges ${certificate.serialNumber.slice(0, 8)}` }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    { name: "basicConstraints", critical: true, cA: true, pathLenConstraint: 0 },
    { name: "keyUsage", critical: true, keyCertSign: true, cRLSign: true },
    { name: "subjectKeyIdentifier" },
  ]);
  certificate.sign(forge.pki.privateKeyFromPem(pair.privateKey), forge.md.sha256.create());
  return { certificate: forge.pki.certificateToPem(certificate), key: pair.privateKey };
}

/** 16 bytes whose first is 0x40–0x7f: positive, and without a leading zero that some would print and some would not. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
}

/** Certificates know no milliseconds. */
function wholeSeconds(timeMs: number): Date {
  return new Date(Math.floor(timeMs / 1000) * 1000);
}
