// What a certificate's row tells of its chain, read once from the leaf. No input or output.
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { CertificateRecord } from "./store.ts";

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

export type ChainFacts = Pick<CertificateRecord, "names" | "keyType" | "serial" | "fingerprint" | "issuer"> & {
  readonly notBefore: Date;
  readonly notAfter: Date;
};

/** The certificates of a chain, the leaf first. */
export function certificatesIn(chain: string): readonly X509Certificate[] {
  return (chain.match(PEM) ?? []).map((pem) => new X509Certificate(pem));
}

export function leafOf(chain: string): X509Certificate {
  const [leaf] = certificatesIn(chain);
  if (leaf === undefined) throw new TypeError("a chain without a certificate");
  return leaf;
}

export function factsOf(leaf: X509Certificate): ChainFacts {
  return {
    names: namesOf(leaf),
    keyType: leaf.publicKey.asymmetricKeyType === "rsa" ? "rsa" : "ecdsa",
    serial: leaf.serialNumber.toLowerCase(),
    fingerprint: leaf.fingerprint256.replaceAll(":", "").toLowerCase(),
    issuer: shortName(leaf.issuer),
    notBefore: new Date(leaf.validFrom),
    notAfter: new Date(leaf.validTo),
  };
}

/** The hosts that it is for: DNS names of its subjectAltName; what else stands there is for other protocols. */
export function namesOf(leaf: X509Certificate): readonly string[] {
  const entries = (leaf.subjectAltName ?? "").split(", ");
  const names = entries.flatMap((entry) => (entry.startsWith("DNS:") ? [entry.slice(4).toLowerCase()] : []));
  return [...new Set(names)].filter((name) => HOST.test(name)).sort();
}

const HOST = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])$/;

/** By what people know it: the common name, else the organisation, else all of it on one line. */
export function shortName(distinguishedName: string): string {
  const fields = new Map(
    distinguishedName.split("\n").map((line) => {
      const sign = line.indexOf("=");
      return [line.slice(0, sign), line.slice(sign + 1)] as const;
    }),
  );
  const name = fields.get("CN") ?? fields.get("O") ?? distinguishedName.replaceAll("\n", ", ");
  return name.slice(0, NAME_LENGTH_MAX);
}

const NAME_LENGTH_MAX = 200;

/** Edges take PKCS#8; what else stood around it is left behind. */
export function normalKey(privateKey: string | KeyObject): string {
  const key = typeof privateKey === "string" ? createPrivateKey(privateKey) : privateKey;
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

/** PEM and nothing else, in this order. */
export function chainText(certificates: readonly X509Certificate[]): string {
  return certificates
    .map((certificate) => certificate.toString().trim())
    .join("\n")
    .concat("\n");
}
