import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeAuthority, openAuthority } from "../../control-plane/domains/edge-node/authority.ts";
import { isNamed } from "../identity/identity.ts";
import { writeEdgeCertificate } from "./edge-certificate.ts";

const edgeId = "6f1d8a52-7c39-4b0e-9a64-2f5e83c1d7b0";
const groupId = "d2c4b6a8-1e3f-4a5b-8c7d-9e0f1a2b3c4d";
const pair = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

let folder: string;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "edgewright-tls-")), "tls");
});
afterEach(() => rm(join(folder, ".."), { recursive: true }));

async function anIdentity() {
  const authority = openAuthority(await makeAuthority(new Date()));
  const { certificate } = authority.issue({ edgeId, groupId, publicKey: pair.publicKey, now: new Date() });
  return { certificate, key: createPrivateKey(pair.privateKey), authority: authority.certificatePem };
}

test("nginx finds certificate, key and authority, which nobody else may read; what is the same is not written", async () => {
  const identity = await anIdentity();
  expect(await writeEdgeCertificate(folder, identity)).toBe(true);
  expect(await readFile(join(folder, "edge.crt"), "utf8")).toBe(identity.certificate);
  expect(await readFile(join(folder, "edge.key"), "utf8")).toBe(pair.privateKey);
  expect(await readFile(join(folder, "edges.crt"), "utf8")).toBe(identity.authority);
  for (const name of ["edge.crt", "edge.key", "edges.crt"]) {
    expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
  }
  expect(await writeEdgeCertificate(folder, identity)).toBe(false);
  expect(await writeEdgeCertificate(folder, await anIdentity())).toBe(true);
});

test("a certificate names its edge and group, and no other", async () => {
  const { certificate } = await anIdentity();
  expect(isNamed({ certificate, edgeId, scope: groupId })).toBe(true);
  expect(isNamed({ certificate, edgeId, scope: edgeId })).toBe(false);
});
