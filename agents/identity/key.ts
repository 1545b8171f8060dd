// The agent's own RSA key, made here and never sent: 2,048 bits, on disk for this user alone.
import { createPrivateKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import forge from "node-forge";
import { findFile, writeDurably } from "../durable-file.ts";

/** The key of this edge: the one on disk, or a new one when there is none yet. */
export async function openKey(path: string): Promise<KeyObject> {
  const stored = await findFile(path);
  if (stored !== undefined) return createPrivateKey(stored);
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  await writeDurably(path, pemOf(privateKey), 0o600);
  return privateKey;
}

/** A PKCS#10 request for a certificate over this key. */
export function certificateRequest(key: KeyObject, commonName: string): string {
  const privateKey = forge.pki.privateKeyFromPem(pemOf(key));
  const csr = forge.pki.createCertificationRequest();
  csr.publicKey = forge.pki.setRsaPublicKey(privateKey.n, privateKey.e);
  csr.setSubject([{ name: "commonName", value: commonName.slice(0, 64) }]);
  csr.sign(privateKey, forge.md.sha256.create());
  return forge.pki.certificationRequestToPem(csr);
}

function pemOf(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}
