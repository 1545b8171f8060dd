// An uploaded certificate: all that viewers or edges would stumble over is found now, each with its field and its cure.
import { type KeyObject, sign, verify, X509Certificate } from "node:crypto";
import type { FieldFault } from "../../../platform/problem.ts";
import { chainFrom, isSelfSigned, missingIssuer, subjectOf } from "./chain.ts";
import { type ChainFacts, chainText, factsOf, namesOf, normalKey } from "./facts.ts";
import { mustStaple, weakSignature } from "./inspect.ts";
import { notPem, pemBlocks } from "./pem.ts";
import { readPrivateKey } from "./private-key.ts";

export interface Upload {
  readonly certificate: string;
  readonly private_key: string;
  readonly chain?: string | undefined;
}

export interface ReadUpload {
  /** PEM, the leaf first, without a root. */
  readonly chain: string;
  /** PEM, PKCS#8. */
  readonly privateKey: string;
  readonly facts: ChainFacts;
}

const CHAIN_LENGTH_MAX = 10;
const NAMES_MAX = 100;
const RSA_BITS = { min: 2048, max: 4096 } as const;
const CURVES = new Set(["prime256v1", "secp384r1"]);
// RFC 5280 §4.2.1.12: serverAuth, or any.
const SERVER_PURPOSES = new Set(["1.3.6.1.5.5.7.3.1", "2.5.29.37.0"]);
const ANOTHER_KEY = "make a key on P-256 (or RSA with 2048 bits or more) and have a certificate issued for it.";

export interface Circumstances {
  readonly now: Date;
  /** PEM of the authorities that viewers know. */
  readonly roots: readonly string[];
}

export function readUpload(
  upload: Upload,
  circumstances: Circumstances,
): ReadUpload | { readonly faults: readonly FieldFault[] } {
  const own = readCertificates("/certificate", upload.certificate);
  const more = upload.chain === undefined ? { certificates: [], faults: [] } : readCertificates("/chain", upload.chain);
  const read = readPrivateKey(upload.private_key);
  const faults = [...own.faults, ...more.faults];
  if ("fault" in read) faults.push({ pointer: "/private_key", detail: read.fault });
  const certificates = [...own.certificates, ...more.certificates];
  if (certificates.length > CHAIN_LENGTH_MAX)
    faults.push(at("chain", `makes more than ${CHAIN_LENGTH_MAX} certificates: send those of this one alone.`));
  if (faults.length > 0 || "fault" in read) return { faults };
  return readChain(certificates, read.key, circumstances);
}

function readChain(
  certificates: readonly X509Certificate[],
  key: KeyObject,
  { now, roots }: Circumstances,
): ReadUpload | { readonly faults: readonly FieldFault[] } {
  const leaf = certificates.find((certificate) => isKeyOf(certificate, key));
  if (leaf === undefined) return { faults: [at("private_key", keyMismatch(certificates))] };
  if (!canSign(key, leaf)) return { faults: [at("private_key", "is damaged: copy it again, with all of its lines.")] };
  const found = chainFrom(leaf, certificates, roots);
  const faults = leafFaults(leaf, now);
  if (found.kind === "broken") return { faults: [...faults, at("chain", missingIssuer(found.last))] };
  faults.push(...found.certificates.slice(1).flatMap((one) => issuerFaults(one, now)));
  if (faults.length > 0) return { faults };
  const privateKey = normalKey(key);
  return { chain: chainText(found.certificates), privateKey, facts: factsOf(leaf) };
}

function at(field: keyof Upload, detail: string): FieldFault {
  return { pointer: `/${field}`, detail };
}

const INSTEAD: Readonly<Record<string, string>> = {
  "CERTIFICATE REQUEST": "holds a request for a certificate: send what the authority issued for it.",
  "NEW CERTIFICATE REQUEST": "holds a request for a certificate: send what the authority issued for it.",
  PKCS7: "is PKCS#7: `openssl pkcs7 -print_certs -in file` writes the certificates in it as PEM.",
};

function readCertificates(
  pointer: string,
  text: string,
): { readonly certificates: readonly X509Certificate[]; readonly faults: readonly FieldFault[] } {
  const none = (detail: string) => ({ certificates: [], faults: [{ pointer, detail }] });
  const blocks = pemBlocks(text);
  if (blocks.some(({ label }) => label.endsWith("PRIVATE KEY")))
    return none("holds a private key: that belongs into private_key alone.");
  const pems = blocks.filter(({ label }) => label === "CERTIFICATE");
  if (pems.length === 0) {
    const instead = blocks.map(({ label }) => INSTEAD[label]).find((one) => one !== undefined);
    return none(instead ?? notPem(text, "CERTIFICATE"));
  }
  // Whatever it costs to read more of them.
  if (pems.length > CHAIN_LENGTH_MAX)
    return none(`holds more than ${CHAIN_LENGTH_MAX} certificates: send those of this one alone.`);
  const certificates: X509Certificate[] = [];
  for (const [index, { text: pem }] of pems.entries()) {
    const certificate = parsed(pem);
    if (certificate === undefined)
      return none(`is damaged in its certificate number ${index + 1}: copy it again, with all of its lines.`);
    certificates.push(certificate);
  }
  return { certificates, faults: [] };
}

function parsed(pem: string): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(pem);
    // Some of it is looked at only when it is asked for.
    weakSignature(certificate);
    return certificate.publicKey.type === "public" ? certificate : undefined;
  } catch {
    return undefined;
  }
}

function isKeyOf(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.checkPrivateKey(key);
  } catch {
    return false;
  }
}

/** OpenSSL compares the public halves alone: a private one that was bent would fail in every handshake. */
function canSign(key: KeyObject, { publicKey }: X509Certificate): boolean {
  // These types have a digest of their own.
  const digest = key.asymmetricKeyType === "rsa" || key.asymmetricKeyType === "ec" ? "sha256" : null;
  try {
    return verify(digest, PROBE, publicKey, sign(digest, PROBE, key));
  } catch {
    return false;
  }
}

const PROBE = Buffer.from("edgewright");

function keyMismatch(certificates: readonly X509Certificate[]): string {
  const [first] = certificates;
  const name = first === undefined ? "" : ` ("${subjectOf(first)}")`;
  return `is not the key of the certificate${name}: send the one that the certificate was requested with.`;
}

function leafFaults(leaf: X509Certificate, now: Date): FieldFault[] {
  const details = [
    ...timeFaults(leaf, now),
    keyFault(leaf),
    signatureFault(leaf),
    purposeFault(leaf),
    namesFault(leaf),
    mustStaple(leaf)
      ? "demands a stapled OCSP answer (“must staple”), which edges do not give: have it issued without."
      : undefined,
  ];
  return details.flatMap((detail) => (detail === undefined ? [] : [at("certificate", detail)]));
}

function issuerFaults(issuer: X509Certificate, now: Date): FieldFault[] {
  const name = `has the certificate of "${subjectOf(issuer)}", which`;
  const [late] = timeFaults(issuer, now);
  const { asymmetricKeyType: type, asymmetricKeyDetails: { modulusLength = 0 } = {} } = issuer.publicKey;
  const weak = weakSignature(issuer);
  const details = [
    late,
    type === "rsa" && modulusLength < RSA_BITS.min ? `has an RSA key of ${modulusLength} bits only.` : undefined,
    weak === undefined ? undefined : `is signed with ${weak}, which viewers refuse.`,
    issuer.ca ? undefined : "is no authority's: nobody takes what it issued.",
  ];
  const cure = "Ask the authority for its current one.";
  return details.flatMap((detail) => (detail === undefined ? [] : [at("chain", `${name} ${detail} ${cure}`)]));
}

function timeFaults({ validFrom, validTo }: X509Certificate, now: Date): readonly string[] {
  const [from, to] = [new Date(validFrom), new Date(validTo)];
  if (to <= now) return [`expired on ${to.toISOString()}: send the one that was issued after it.`];
  return from > now ? [`holds from ${from.toISOString()} on: upload it then, or one that holds now.`] : [];
}

function keyFault({ publicKey }: X509Certificate): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: { modulusLength = 0, namedCurve = "" } = {} } = publicKey;
  if (type === "rsa") {
    if (modulusLength < RSA_BITS.min)
      return `has an RSA key of ${modulusLength} bits, which viewers refuse: ${ANOTHER_KEY}`;
    return modulusLength > RSA_BITS.max
      ? `has an RSA key of ${modulusLength} bits, too slow to serve: ${ANOTHER_KEY}`
      : undefined;
  }
  if (type === "ec")
    return CURVES.has(namedCurve)
      ? undefined
      : `has a key on ${namedCurve}, which not every viewer takes: ${ANOTHER_KEY}`;
  return `has a key of the type ${type ?? "unknown"}, which not every viewer takes: ${ANOTHER_KEY}`;
}

function signatureFault(leaf: X509Certificate): string | undefined {
  const weak = weakSignature(leaf);
  return weak && `is signed with ${weak}, which viewers refuse: have it issued anew, with SHA-256.`;
}

function purposeFault(leaf: X509Certificate): string | undefined {
  // One that signed itself is nobody's authority, whatever it says: tools make such for trying things out.
  if (leaf.ca && !isSelfSigned(leaf))
    return "is an authority's own certificate: send the one that it issued for the host.";
  const purposes: readonly string[] | undefined = leaf.keyUsage;
  if (purposes === undefined || purposes.some((oid) => SERVER_PURPOSES.has(oid))) return undefined;
  return "is not for servers (its extended key usage lacks serverAuth): have one issued that is.";
}

function namesFault(leaf: X509Certificate): string | undefined {
  const { length } = namesOf(leaf);
  if (length === 0)
    return "names no host in its subjectAltName, where alone viewers look: have it issued with the host's DNS name.";
  return length > NAMES_MAX ? `is for ${length} names; edges take up to ${NAMES_MAX}: split it.` : undefined;
}
