// What node:crypto does not tell of a certificate: how it is signed, and what it demands. Read out of its DER with node-forge.
import type { X509Certificate } from "node:crypto";
import forge from "node-forge";

/** Digests that forgers can match (RFC 9155); by the algorithm's OID. */
const WEAK_SIGNATURES: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.2": "MD2",
  "1.2.840.113549.1.1.3": "MD4",
  "1.2.840.113549.1.1.4": "MD5",
  "1.2.840.113549.1.1.5": "SHA-1",
  "1.3.14.3.2.29": "SHA-1",
  "1.2.840.10045.4.1": "SHA-1",
  "1.2.840.10040.4.3": "SHA-1",
};

const RSA_PSS = "1.2.840.113549.1.1.10";
const SHA1 = "1.3.14.3.2.26";
/** RFC 7633, "must staple". */
const TLS_FEATURE = "1.3.6.1.5.5.7.1.24";

/** The weak digest that it is signed with, by name; undefined: a good one. */
export function weakSignature(certificate: X509Certificate): string | undefined {
  const [, algorithm] = childrenOf(read(certificate));
  const [oid, parameters] = childrenOf(algorithm);
  const name = oidOf(oid);
  if (name !== RSA_PSS) return WEAK_SIGNATURES[name];
  // RFC 4055 §3.1: SHA-1 where nothing else is said.
  const named = [...oidsIn(parameters)];
  return named.length === 0 || named.includes(SHA1) ? "SHA-1" : undefined;
}

/** Viewers then refuse it without a stapled OCSP answer. */
export function mustStaple(certificate: X509Certificate): boolean {
  return [...oidsIn(read(certificate))].includes(TLS_FEATURE);
}

function read(certificate: X509Certificate): forge.asn1.Asn1 {
  return forge.asn1.fromDer(forge.util.createBuffer(certificate.raw.toString("binary")));
}

function childrenOf(node: forge.asn1.Asn1 | undefined): readonly forge.asn1.Asn1[] {
  return Array.isArray(node?.value) ? node.value : [];
}

function oidOf(node: forge.asn1.Asn1 | undefined): string {
  return typeof node?.value === "string" ? forge.asn1.derToOid(node.value) : "";
}

function* oidsIn(node: forge.asn1.Asn1 | undefined): Generator<string> {
  if (node?.type === forge.asn1.Type.OID && node.tagClass === forge.asn1.Class.UNIVERSAL) yield oidOf(node);
  for (const child of childrenOf(node)) yield* oidsIn(child);
}
