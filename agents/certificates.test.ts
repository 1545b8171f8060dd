// Certificates on their way through the agent into handshakes: record and key apart, the key on no disk.
import { randomUUID, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { compileCertificate, compileDocument } from "../edge-templates/index.ts";
import { exampleDistribution } from "../edge-templates/test-examples.ts";
import { aCertificate, createViewersAuthority } from "../openresty/test-certificates.ts";
import { findIdentity } from "./identity/identity.ts";
import { createTestNode, type TestNode } from "./test-agent.ts";
import { startTestControlPlane, type TestControlPlane } from "./test-control-plane.ts";
import { createTestSecrets, type TestSecrets } from "./test-secrets.ts";

const HOST = "tls.example.com";
const { accountId } = exampleDistribution;
const { issue, root } = createViewersAuthority();
const RENEWALS = 10;
let controlPlane: TestControlPlane;
let node: TestNode;
let sealing: TestSecrets;

beforeEach(async () => {
  controlPlane = await startTestControlPlane();
  node = await createTestNode(controlPlane);
  sealing = createTestSecrets(controlPlane.scope);
  controlPlane.put("structure", controlPlane.scope, node.structure());
});

afterEach(async () => {
  await node.remove();
  await controlPlane.stop();
});

async function start(): Promise<void> {
  await node.start();
  await controlPlane.untilReport(({ structure }) => structure === 1);
  const identity = await findIdentity(join(node.home, "identity"));
  if (identity === undefined) throw new Error("not enrolled");
  controlPlane.put("keyring", controlPlane.scope, sealing.keyring([identity]));
  const id = randomUUID();
  controlPlane.put("document", id, compileDocument({ ...exampleDistribution, id, hosts: [HOST] }).body);
}

async function shown(): Promise<string | undefined> {
  const socket = connect({ host: "127.0.0.1", port: node.ports.https, servername: HOST, rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(5_000) });
    return socket.getPeerCertificate().fingerprint256;
  } finally {
    socket.destroy();
  }
}

test("a certificate whose key comes later is shown with it, also by an nginx that died, and no file has the key", async () => {
  await start();
  const leaf = issue({ names: [HOST] });
  const { fingerprint256 } = new X509Certificate(leaf.chain);
  const { desired } = aCertificate({ accountId, names: [HOST] }, leaf);
  const certificate = controlPlane.put("certificate", desired.id, compileCertificate(desired).body);
  await controlPlane.untilReport(({ applied }) => applied === certificate.rev);
  expect(await shown()).not.toBe(fingerprint256);
  const secretId = desired.chains[0]?.secretId ?? "";
  const secret = controlPlane.put("secret", secretId, sealing.sealed(secretId, leaf.key));
  const report = await controlPlane.untilReport(({ applied }) => applied === secret.rev);
  expect([report.refused, report.state_hash]).toEqual([[], controlPlane.stateHash()]);
  expect(await shown()).toBe(fingerprint256);
  await node.killNginx();
  await expect.poll(() => shown().catch(() => undefined), { timeout: 20_000 }).toBe(fingerprint256);
  const files = (await readdir(node.home, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const contents = await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), "latin1")));
  const [, secretLine = "-"] = leaf.key.split("\n");
  expect(contents.some((text) => text.includes(desired.id))).toBe(true);
  expect(contents.filter((text) => text.includes(secretLine))).toEqual([]);
  expect(node.alarms.join()).not.toContain(secretLine);
});

test("however many certificates are refused, each is told and everything else is applied", async () => {
  await start();
  const leaf = issue({ names: [HOST] });
  const bad = Array.from({ length: 30 }, () => controlPlane.put("certificate", randomUUID(), "{}"));
  const { desired, secrets } = aCertificate({ accountId, names: [HOST] }, leaf);
  for (const [id, key] of Object.entries(secrets)) controlPlane.put("secret", id, sealing.sealed(id, key));
  const { rev } = controlPlane.put("certificate", desired.id, compileCertificate(desired).body);
  const report = await controlPlane.untilReport(({ applied }) => applied === rev);
  expect(report.refused).toHaveLength(bad.length);
  expect(report.refused[0]).toMatchObject({
    kind: "certificate",
    stage: "push",
    message: expect.stringContaining("format"),
  });
  expect(await shown()).toBe(new X509Certificate(leaf.chain).fingerprint256);
});

test("a structure that gives secrets another size of memory costs no certificate", async () => {
  await start();
  const leaf = issue({ names: [HOST] });
  const { desired, secrets } = aCertificate({ accountId, names: [HOST] }, leaf);
  for (const [id, key] of Object.entries(secrets)) controlPlane.put("secret", id, sealing.sealed(id, key));
  const { rev } = controlPlane.put("certificate", desired.id, compileCertificate(desired).body);
  await controlPlane.untilReport(({ applied }) => applied === rev);
  const resized = node.structure().replace(/lua_shared_dict secrets \d+m;/, "lua_shared_dict secrets 2m;");
  expect(resized).not.toBe(node.structure());
  const structure = controlPlane.put("structure", controlPlane.scope, resized);
  await controlPlane.untilReport((report) => report.structure === structure.rev);
  await expect.poll(() => shown(), { timeout: 10_000 }).toBe(new X509Certificate(leaf.chain).fingerprint256);
});

/** The leaf that a viewer is shown who believes the authority alone; throws when the handshake fails. */
async function shownSafely(): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port: node.ports.https, servername: HOST, ca: root });
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(5_000) });
    return socket.getPeerCertificate().fingerprint256;
  } finally {
    socket.destroy();
  }
}

test("renewals that the feed brings, the former key going in the same breath, fail no handshake", async () => {
  await start();
  const id = randomUUID();
  let former: string | undefined;
  function renew(): { rev: number; fingerprint: string } {
    const leaf = issue({ names: [HOST] });
    const { desired, secrets } = aCertificate({ accountId, names: [HOST], id }, leaf);
    for (const [secretId, key] of Object.entries(secrets)) {
      controlPlane.put("secret", secretId, sealing.sealed(secretId, key));
    }
    let { rev } = controlPlane.put("certificate", id, compileCertificate(desired).body);
    if (former !== undefined) rev = controlPlane.remove("secret", former).rev;
    [former] = Object.keys(secrets);
    return { rev, fingerprint: new X509Certificate(leaf.chain).fingerprint256 };
  }
  const first = renew();
  await controlPlane.untilReport(({ applied }) => applied >= first.rev);
  let isOver = false;
  const viewers = Array.from({ length: 3 }, async () => {
    while (!isOver) await shownSafely();
  });
  const renewals = async () => {
    for (let turn = 0; turn < RENEWALS; turn += 1) {
      const { rev, fingerprint } = renew();
      const { refused } = await controlPlane.untilReport(({ applied }) => applied >= rev);
      expect(refused).toEqual([]);
      expect(await shownSafely()).toBe(fingerprint);
    }
  };
  try {
    // A viewer who fails ends it.
    await Promise.race([renewals(), Promise.all(viewers)]);
  } finally {
    isOver = true;
  }
  await Promise.all(viewers);
});
