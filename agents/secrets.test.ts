// Secrets on their way through the agent into nginx: requests to a bucket are signed with them, and no file of the edge
// has ever held one.
import { createHash, createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { compileDocument } from "../edge-templates/index.ts";
import { exampleDistribution, exampleOrigin } from "../edge-templates/test-examples.ts";
import { findIdentity, type Identity } from "./identity/identity.ts";
import { createTestNode, type TestNode } from "./test-agent.ts";
import { startTestControlPlane, type TestControlPlane } from "./test-control-plane.ts";
import { createTestSecrets, type TestSecrets } from "./test-secrets.ts";

const VALUE = "a-secret-key-of-a-customer";
let controlPlane: TestControlPlane;
let node: TestNode;
let storage: Storage;
let sealing: TestSecrets;

beforeEach(async () => {
  controlPlane = await startTestControlPlane();
  storage = await startStorage();
  node = await createTestNode(controlPlane);
  sealing = createTestSecrets(controlPlane.scope);
  controlPlane.put("structure", controlPlane.scope, node.structure());
});

afterEach(async () => {
  await node.remove();
  await storage.stop();
  await controlPlane.stop();
});

interface Storage {
  readonly port: number;
  stop(): Promise<void>;
}

/** Takes what is signed with the secret, and nothing else. */
async function startStorage(): Promise<Storage> {
  const server: Server = createServer(({ url = "", headers }, response) => {
    response.writeHead(isSigned(url, headers) ? 200 : 403).end("object");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function isSigned(url: string, { host, authorization = "", ...headers }: IncomingHttpHeaders): boolean {
  const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  const [date, payload] = [String(headers["x-amz-date"]), String(headers["x-amz-content-sha256"])];
  const day = date.slice(0, 8);
  const signed = "host;x-amz-content-sha256;x-amz-date";
  const canonical = `GET\n${url}\n\nhost:${host}\nx-amz-content-sha256:${payload}\nx-amz-date:${date}\n\n${signed}\n${payload}`;
  const hash = createHash("sha256").update(canonical).digest("hex");
  const text = `AWS4-HMAC-SHA256\n${date}\n${day}/eu-1/s3/aws4_request\n${hash}`;
  const key = ["eu-1", "s3", "aws4_request"].reduce<Buffer>(hmac, hmac(`AWS4${VALUE}`, day));
  return authorization.endsWith(`Signature=${hmac(key, text).toString("hex")}`);
}

/** A document whose bucket is read with this secret. */
function putDocument(host: string, secretId: string): number {
  const id = randomUUID();
  const bucket = { name: "files", region: "eu-1", style: "path", accessKeyId: "AKIA", secretId } as const;
  const place = {
    scheme: "http",
    host: "127.0.0.1",
    port: storage.port,
    hostHeader: "s3.test",
    sni: "s3.test",
  } as const;
  const origins = [{ ...exampleOrigin, id: randomUUID(), ...place, bucket }];
  return controlPlane.put("document", id, compileDocument({ ...exampleDistribution, id, hosts: [host], origins }).body)
    .rev;
}

async function identity(): Promise<Identity> {
  const found = await findIdentity(join(node.home, "identity"));
  if (found === undefined) throw new Error("not enrolled");
  return found;
}

/** The agent runs, and its group has a secret of this id. */
async function startWithSecret(id: string) {
  const agent = await node.start();
  await controlPlane.untilReport(({ structure }) => structure === 1);
  controlPlane.put("keyring", controlPlane.scope, sealing.keyring([await identity()]));
  const { rev } = controlPlane.put("secret", id, sealing.sealed(id, VALUE));
  await controlPlane.untilReport(({ applied }) => applied === rev);
  return agent;
}

const statusOf = async (host: string, path = "/a") => (await node.get(host, path)).status;

test("a secret opens with the edge's own key and signs, and is on no disk", async () => {
  const id = randomUUID();
  await startWithSecret(id);
  const rev = putDocument("signed.example.com", id);
  const report = await controlPlane.untilReport(({ applied }) => applied === rev);
  expect([report.refused, report.state_hash]).toEqual([[], controlPlane.stateHash()]);
  expect(await statusOf("signed.example.com")).toBe(200);
  const files = (await readdir(node.home, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const contents = await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), "latin1")));
  expect(contents.filter((text) => text.includes(sealing.sealed(id, VALUE).slice(0, 20))).length).toBeGreaterThan(0);
  expect(contents.filter((text) => text.includes(VALUE))).toEqual([]);
  expect(node.alarms.join()).not.toContain(VALUE);
});

test("an nginx that died, and an agent that starts again, have it again", async () => {
  const id = randomUUID();
  const agent = await startWithSecret(id);
  const rev = putDocument("again.example.com", id);
  await controlPlane.untilReport(({ applied }) => applied === rev);
  await node.killNginx();
  await expect.poll(() => statusOf("again.example.com", "/b").catch(() => 0), { timeout: 20_000 }).toBe(200);
  await agent.stop();
  await node.start();
  await expect.poll(() => statusOf("again.example.com", "/c").catch(() => 0), { timeout: 20_000 }).toBe(200);
});

test("a keyring that does not know this edge yet is waited for, and nothing else waits", async () => {
  const id = randomUUID();
  await node.start();
  await controlPlane.untilReport(({ structure }) => structure === 1);
  controlPlane.put("keyring", controlPlane.scope, sealing.keyring([]));
  controlPlane.put("secret", id, sealing.sealed(id, VALUE));
  const early = putDocument("early.example.com", id);
  const report = await controlPlane.untilReport(({ applied }) => applied === early);
  expect(report.refused).toEqual([]);
  expect(await statusOf("early.example.com")).toBe(502);
  const { rev } = controlPlane.put("keyring", controlPlane.scope, sealing.keyring([await identity()]));
  await controlPlane.untilReport(({ applied }) => applied === rev);
  expect(await statusOf("early.example.com")).toBe(200);
});

test("a secret that is taken away signs nothing more", async () => {
  const id = randomUUID();
  await startWithSecret(id);
  const rev = putDocument("gone.example.com", id);
  await controlPlane.untilReport(({ applied }) => applied === rev);
  const removed = controlPlane.remove("secret", id);
  await controlPlane.untilReport(({ applied }) => applied === removed.rev);
  await expect.poll(() => statusOf("gone.example.com", `/${randomUUID()}`)).toBe(502);
});

test("secrets that do not open are told by name, and however many there are, the rest is applied", async () => {
  await node.start();
  await controlPlane.untilReport(({ structure }) => structure === 1);
  controlPlane.put("keyring", controlPlane.scope, sealing.keyring([await identity()]));
  const ids = Array.from({ length: 30 }, () => randomUUID());
  for (const id of ids) controlPlane.put("secret", id, sealing.sealed(id, VALUE, { scope: randomUUID() }));
  const good = randomUUID();
  controlPlane.put("secret", good, sealing.sealed(good, VALUE));
  const rev = putDocument("good.example.com", good);
  const report = await controlPlane.untilReport(({ applied }) => applied === rev);
  expect(report.refused.map(({ kind, id, stage }) => `${kind} ${id} ${stage}`).sort()).toEqual(
    ids.map((id) => `secret ${id} open`).sort(),
  );
  expect(await statusOf("good.example.com")).toBe(200);
});

test("a snapshot brings the secrets that are, and takes those that are not", async () => {
  const [stays, goes] = [randomUUID(), randomUUID()];
  await startWithSecret(goes);
  controlPlane.put("secret", stays, sealing.sealed(stays, VALUE));
  putDocument("stays.example.com", stays);
  const rev = putDocument("goes.example.com", goes);
  await controlPlane.untilReport(({ applied }) => applied === rev);
  controlPlane.restore({ keep: ({ id }) => id !== goes, checkpoint: true });
  await controlPlane.untilReport(({ feed_id }) => feed_id === controlPlane.feedId());
  await expect.poll(() => statusOf("goes.example.com", `/${randomUUID()}`)).toBe(502);
  expect(await statusOf("stays.example.com")).toBe(200);
});
