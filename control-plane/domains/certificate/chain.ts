// From a leaf to an authority that viewers know: put in order, and what is missing by name. No input or output.
import { X509Certificate } from "node:crypto";
import { shortName } from "./facts.ts";

export type Chain =
  /** What is sent to viewers: the leaf first, without the root, which they have. */
  | { readonly kind: "whole"; readonly certificates: readonly X509Certificate[] }
  /** `last` was issued by somebody whose certificate is not here. */
  | { readonly kind: "broken"; readonly last: X509Certificate };

/** `roots`: PEM of the authorities that viewers know. */
export function chainFrom(leaf: X509Certificate, others: readonly X509Certificate[], roots: readonly string[]): Chain {
  const path = [leaf];
  let last = leaf;
  while (!isSelfSigned(last)) {
    const issuer = others.find((other) => !path.includes(other) && hasIssued(other, last));
    if (issuer === undefined) return isOfRoot(last, roots) ? whole(path) : { kind: "broken", last };
    path.push(issuer);
    last = issuer;
  }
  return whole(path.length === 1 ? path : path.slice(0, -1));
}

function whole(certificates: readonly X509Certificate[]): Chain {
  return { kind: "whole", certificates };
}

export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer && hasIssued(certificate, certificate);
}

/** By name and by signature: names alone are anybody's. */
function hasIssued(issuer: X509Certificate, issued: X509Certificate): boolean {
  if (issued.issuer !== issuer.subject) return false;
  try {
    return issued.verify(issuer.publicKey);
  } catch {
    // A key of a kind that OpenSSL does not verify with.
    return false;
  }
}

/** A list of roots is read once: there are some 150 of them. */
const rootsRead = new WeakMap<readonly string[], ReadonlyMap<string, readonly X509Certificate[]>>();

function isOfRoot(certificate: X509Certificate, pems: readonly string[]): boolean {
  const roots = rootsRead.get(pems) ?? rootsBySubject(pems);
  rootsRead.set(pems, roots);
  return (roots.get(certificate.issuer) ?? []).some((root) => hasIssued(root, certificate));
}

function rootsBySubject(pems: readonly string[]): ReadonlyMap<string, readonly X509Certificate[]> {
  const roots = new Map<string, X509Certificate[]>();
  for (const pem of pems) {
    const root = new X509Certificate(pem);
    roots.set(root.subject, [...(roots.get(root.subject) ?? []), root]);
  }
  return roots;
}

/** Whose certificate is missing, for whom, and where it lies if the certificate says so (RFC 5280 §4.2.2.1). */
export function missingIssuer(last: X509Certificate): string {
  const [, url] = /CA Issuers - URI:(https?:\/\/[^\s"]{1,300})/.exec(last.infoAccess ?? "") ?? [];
  const where = url === undefined ? "the authority has it on its pages" : `it is at ${url}`;
  const issuer = `"${shortName(last.issuer)}"`;
  return (
    `lacks the certificate of ${issuer}, which issued "${subjectOf(last)}": append it (${where}). ` +
    "With an authority of your own, end the chain with its root."
  );
}

/** By what people know it: a leaf may have no subject, but names. */
export function subjectOf(certificate: X509Certificate): string {
  const { subject } = certificate;
  if (subject !== undefined && subject !== "") return shortName(subject);
  return (certificate.subjectAltName ?? "").split(", ")[0]?.replace(/^DNS:/, "") ?? "";
}
