// A private key as it is uploaded: read, or refused with what mends it. Nothing of it is in any message.
import { createPrivateKey, type KeyObject } from "node:crypto";
import { notPem, pemBlocks } from "./pem.ts";

const KEY_LABELS = new Set(["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]);

const INSTEAD: Readonly<Record<string, string>> = {
  "ENCRYPTED PRIVATE KEY": "is encrypted: send it without a passphrase, as `openssl pkey -in key.pem` writes it.",
  "OPENSSH PRIVATE KEY": "is in OpenSSH's own format: `ssh-keygen -p -m PEM -f key` turns a copy of it into PEM.",
  "DSA PRIVATE KEY": "is a DSA key, which no viewer takes: use ECDSA on P-256, or RSA.",
  "PUBLIC KEY": "is a public key: send the private one, which was made with it.",
  "RSA PUBLIC KEY": "is a public key: send the private one, which was made with it.",
  "CERTIFICATE REQUEST": "is a request for a certificate: send the private key that was made with it.",
  CERTIFICATE: "is a certificate: send the private key that was made for it.",
};

export function readPrivateKey(text: string): { readonly key: KeyObject } | { readonly fault: string } {
  const blocks = pemBlocks(text);
  const keys = blocks.filter(({ label }) => KEY_LABELS.has(label));
  const [first, ...more] = keys;
  if (first === undefined) {
    const instead = blocks.map(({ label }) => INSTEAD[label]).find((one) => one !== undefined);
    return { fault: instead ?? notPem(text, "PRIVATE KEY") };
  }
  if (more.length > 0) return { fault: `holds ${keys.length} keys: send the one of this certificate alone.` };
  if (first.text.includes("ENCRYPTED")) return { fault: INSTEAD["ENCRYPTED PRIVATE KEY"] ?? "is encrypted." };
  try {
    return { key: createPrivateKey(first.text) };
  } catch {
    // What OpenSSL says of it is of no use to anybody, and may speak of its content.
    return { fault: "is damaged: copy it again, with all of its lines." };
  }
}
