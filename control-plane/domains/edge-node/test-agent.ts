// An edge agent's half of the conversation, for tests: a key, a signing request, tokens.
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { type JWTPayload, SignJWT } from "jose";
import forge from "node-forge";
import { type Capabilities, EDGE_TOKEN_AUDIENCE } from "../../../agents/contract.ts";

export const capabilities: Capabilities = {
  nginx: "1.26.3",
  http3: true,
  http2_directive: true,
  balancer_keepalive: true,
  brotli: true,
};

export interface TestKey {
  readonly pem: string;
  readonly key: KeyObject;
  readonly csr: string;
}

export function createTestKey({ bits = 2048 }: { bits?: number } = {}): TestKey {
  const pair = generateKeyPairSync("rsa", {
    modulusLength: bits,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const request = forge.pki.createCertificationRequest();
  request.publicKey = forge.pki.publicKeyFromPem(pair.publicKey);
  request.setSubject([{ name: "commonName", value: "edge" }]);
  request.sign(forge.pki.privateKeyFromPem(pair.privateKey), forge.md.sha256.create());
  return {
    pem: pair.privateKey,
    key: createPrivateKey(pair.privateKey),
    csr: forge.pki.certificationRequestToPem(request),
  };
}

/** What an honest agent sends, but for what `changes` says. */
export async function edgeToken(
  agent: { edgeId: string; certificate: string; key: KeyObject },
  changes: { claims?: JWTPayload; ageS?: number; now?: Date } = {},
): Promise<string> {
  const issuedAt = Math.floor((changes.now ?? new Date()).getTime() / 1000) - (changes.ageS ?? 0);
  return new SignJWT({
    aud: EDGE_TOKEN_AUDIENCE,
    sub: agent.edgeId,
    iat: issuedAt,
    exp: issuedAt + 3600,
    ...changes.claims,
  })
    .setProtectedHeader({ alg: "RS256", x5c: [x5cOf(agent.certificate)] })
    .sign(agent.key);
}

export function x5cOf(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s/g, "");
}
