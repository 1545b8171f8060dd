// RFC 9773 §4.1: how an authority is asked about one of its certificates: by the key that signed it and its serial number.
import { X509Certificate } from "node:crypto";
import forge from "node-forge";

const AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";

/** Undefined: the certificate does not name the key that signed it. */
export function renewalIdOf(chain: string): string | undefined {
  const der = new X509Certificate(chain).raw.toString("binary");
  const [toBeSigned] = partsOf(forge.asn1.fromDer(der));
  // A certificate of version 3 begins with its version, in a context tag; the serial number follows.
  const serial = partsOf(toBeSigned).find(({ type }) => type === forge.asn1.Type.INTEGER);
  const keyId = authorityKeyOf(toBeSigned);
  if (typeof serial?.value !== "string" || keyId === undefined) return undefined;
  return `${encoded(keyId)}.${encoded(serial.value)}`;
}

function authorityKeyOf(toBeSigned: forge.asn1.Asn1 | undefined): string | undefined {
  const extensions = partsOf(toBeSigned).find(
    ({ tagClass, type }) => tagClass === forge.asn1.Class.CONTEXT_SPECIFIC && Number(type) === 3,
  );
  for (const extension of partsOf(partsOf(extensions)[0])) {
    const parts = partsOf(extension);
    const [id] = parts;
    const content = parts.at(-1);
    if (typeof id?.value !== "string" || forge.asn1.derToOid(id.value) !== AUTHORITY_KEY_IDENTIFIER) continue;
    if (typeof content?.value !== "string") return undefined;
    const [keyIdentifier] = partsOf(forge.asn1.fromDer(content.value)).filter(
      ({ tagClass, type }) => tagClass === forge.asn1.Class.CONTEXT_SPECIFIC && Number(type) === 0,
    );
    return typeof keyIdentifier?.value === "string" ? keyIdentifier.value : undefined;
  }
  return undefined;
}

function partsOf(node: forge.asn1.Asn1 | undefined): readonly forge.asn1.Asn1[] {
  return node !== undefined && Array.isArray(node.value) ? node.value : [];
}

function encoded(bytes: string): string {
  return Buffer.from(bytes, "binary").toString("base64url");
}
