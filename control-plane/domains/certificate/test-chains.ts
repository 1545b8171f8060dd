// Certificates as authorities issue them, and as they should not be: any key, digest, time, purpose and order. Tests only. The
// frame is node-forge's, the key and the signature are node:crypto's, which knows more kinds of both.
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import forge from "node-forge";

export const NOW = new Date("2027-06-01T12:00:00Z");
const FROM = new Date("2027-01-01T00:00:00Z");
const TO = new Date("2027-12-31T00:00:00Z");

export interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export interface Made {
  readonly pem: string;
  readonly keys: Keys;
  /** PEM, PKCS#8. */
  readonly key: string;
  readonly subject: string;
}

export interface Wish {
  /** Undefined: none at all, as newer authorities leave it. */
  readonly subject?: string | undefined;
  readonly names?: readonly string[];
  readonly keys?: Keys;
  /** Undefined: it signs itself. */
  readonly issuer?: Made;
  readonly from?: Date;
  readonly to?: Date;
  readonly digest?: "sha256" | "sha1" | "md5";
  readonly isAuthority?: boolean;
  readonly extensions?: readonly object[];
}

const SIGNATURES: Readonly<Record<string, string>> = {
  "ec sha256": "1.2.840.10045.4.3.2",
  "ec sha1": "1.2.840.10045.4.1",
  "rsa sha256": "1.2.840.113549.1.1.11",
  "rsa sha1": "1.2.840.113549.1.1.5",
  "rsa md5": "1.2.840.113549.1.1.4",
};

export function ecKeys(namedCurve = "P-256"): Keys {
  return generateKeyPairSync("ec", { namedCurve });
}

export function rsaKeys(modulusLength: number): Keys {
  return generateKeyPairSync("rsa", { modulusLength });
}

export function make({ names = [], keys = ecKeys(), issuer, digest = "sha256", ...wish }: Wish): Made {
  const subject = "subject" in wish ? (wish.subject ?? "") : (names[0] ?? "Test");
  const frame = forge.pki.createCertificate();
  frame.serialNumber = "0a0b0c0d";
  frame.validity.notBefore = wish.from ?? FROM;
  frame.validity.notAfter = wish.to ?? TO;
  frame.setSubject(nameOf(subject));
  frame.setIssuer(nameOf(issuer?.subject ?? subject));
  frame.setExtensions(extensionsOf(names, wish));
  // Stands for the real one until that is put in its place.
  frame.publicKey = PLACEHOLDER;
  frame.signatureOid = oidOf(issuer?.keys ?? keys, digest);
  frame.siginfo.algorithmOid = frame.signatureOid;
  const body = childrenOf(forge.pki.certificateToAsn1(frame))[0];
  const signer = issuer?.keys ?? keys;
  const der = bodyWith(body, keys.publicKey, signer);
  const signature = sign(digest, der, signer.privateKey);
  const whole = sequence(der, algorithm(frame.signatureOid, signer), bitString(signature));
  const key = keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { pem: pemOf(whole), keys, key, subject };
}

export interface Authority {
  readonly root: Made;
  readonly intermediate: Made;
  issue(wish: Wish): Made;
}

export function createAuthority(name = "Example"): Authority {
  const root = make({ subject: `${name} Root`, isAuthority: true });
  const intermediate = make({ subject: `${name} R1`, issuer: root, isAuthority: true });
  return { root, intermediate, issue: (wish) => make({ issuer: intermediate, ...wish }) };
}

const PLACEHOLDER = forge.pki.rsa.setPublicKey(new forge.jsbn.BigInteger("10001", 16), new forge.jsbn.BigInteger("3"));

function nameOf(commonName: string): forge.pki.CertificateField[] {
  return commonName === "" ? [] : [{ name: "commonName", value: commonName }];
}

function extensionsOf(names: readonly string[], { isAuthority = false, extensions = [] }: Wish): object[] {
  const altNames = names.map((value) => ({ type: 2, value }));
  return [
    ...(isAuthority ? [{ name: "basicConstraints", cA: true, critical: true }] : []),
    ...(altNames.length > 0 ? [{ name: "subjectAltName", altNames }] : []),
    ...extensions,
  ];
}

function oidOf({ privateKey }: Keys, digest: string): string {
  const oid = SIGNATURES[`${privateKey.asymmetricKeyType} ${digest}`];
  if (oid === undefined) throw new TypeError(`no such signature: ${privateKey.asymmetricKeyType} ${digest}`);
  return oid;
}

/** The certificate's body as DER, with this public key in the place where it stands (RFC 5280 §4.1). */
function bodyWith(body: forge.asn1.Asn1 | undefined, publicKey: KeyObject, signer: Keys): Buffer {
  if (body === undefined) throw new TypeError("no certificate");
  const fields = childrenOf(body);
  fields[6] = forge.asn1.fromDer(publicKey.export({ type: "spki", format: "der" }).toString("binary"));
  // RFC 5758 §3.2: ECDSA has no parameters, not even the NULL that forge writes for RSA.
  if (signer.privateKey.asymmetricKeyType === "ec") childrenOf(fields[2]).splice(1);
  return Buffer.from(forge.asn1.toDer(body).getBytes(), "binary");
}

/** The list itself, to be changed. */
function childrenOf(node: forge.asn1.Asn1 | undefined): forge.asn1.Asn1[] {
  return Array.isArray(node?.value) ? node.value : [];
}

function algorithm(oid: string, { privateKey }: Keys): Buffer {
  const name = Buffer.from(forge.asn1.oidToDer(oid).getBytes(), "binary");
  const none = privateKey.asymmetricKeyType === "rsa" ? [tlv(0x05, Buffer.alloc(0))] : [];
  return sequence(tlv(0x06, name), ...none);
}

function bitString(bytes: Buffer): Buffer {
  return tlv(0x03, Buffer.concat([Buffer.from([0]), bytes]));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

function tlv(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

function pemOf(der: Buffer): string {
  const base64 = der.toString("base64").replace(/.{1,64}/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${base64}-----END CERTIFICATE-----\n`;
}
