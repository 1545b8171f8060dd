// A self-signed certificate for a TLS listener on loopback. Made here, since a bare machine has no openssl.
import { generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import forge from "node-forge";
import { writeWholeFile } from "./whole-file.ts";

const YEARS = 10;
const KEY_BITS = 2048;

export function makeLoopbackCertificate(files: { certificate: string; key: string }): void {
  // Node's generator: forge's own takes seconds.
  const { privateKey: keyPem } = generateKeyPairSync("rsa", {
    modulusLength: KEY_BITS,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  const certificatePem = selfSigned(keyPem);
  writeWholeFile(files.certificate, certificatePem);
  // Last: its presence says that both are there.
  writeWholeFile(files.key, keyPem);
}

function selfSigned(keyPem: string): string {
  const privateKey = forge.pki.privateKeyFromPem(keyPem);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(privateKey.n, privateKey.e);
  // Positive, as RFC 5280 §4.1.2.2 wants it: the first bit is clear.
  certificate.serialNumber = `01${randomBytes(15).toString("hex")}`;
  const now = new Date();
  certificate.validity.notBefore = now;
  certificate.validity.notAfter = new Date(now.getFullYear() + YEARS, now.getMonth(), 1);
  const name = [{ name: "commonName", value: "localhost" }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    { name: "basicConstraints", cA: true },
    { name: "keyUsage", keyCertSign: true, digitalSignature: true, keyEncipherment: true },
    { name: "extKeyUsage", serverAuth: true },
    {
      name: "subjectAltName",
      altNames: [
        { type: 2, value: "localhost" },
        { type: 7, ip: "127.0.0.1" },
      ],
    },
  ]);
  certificate.sign(privateKey, forge.md.sha256.create());
  return new X509Certificate(forge.pki.certificateToPem(certificate)).toString();
}
