// Certificates from a real authority, which asks a real name server, and finds its proofs where edges would show them.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openSecret } from "../secret/index.ts";
import {
  certificateWhen,
  createTestWorld,
  orderWhen,
  startTestNames,
  type TestNames,
  type TestWorld,
  wish,
} from "./test-world.ts";

// An authority that is asked while other tests keep the machine busy.
vi.setConfig({ testTimeout: 120_000 });

let names: TestNames;
let world: TestWorld;
let worker: ReturnType<TestWorld["startWorker"]>;

beforeAll(async () => {
  names = await startTestNames();
  world = await createTestWorld(names);
  worker = world.startWorker();
});
afterAll(async () => {
  await world.stop();
  await names.stop();
});

async function issue(wanted: readonly string[], keyType: "ecdsa" | "rsa" = "ecdsa") {
  const id = await wish(world.db, wanted, { customer: world.customer, keyType });
  await worker.run("certificate.wanted", { certificate_id: id });
  return certificateWhen(world.db, id, ({ status }) => status !== "pending");
}

test("several names are proven by HTTP-01 and stand in one certificate of the authority, with a P-256 key", async () => {
  const certificate = await issue(["shop.test", "www.shop.test"]);
  expect(certificate).toMatchObject({ status: "active", statusReason: null, version: 1 });
  const leaf = new X509Certificate(certificate.chain ?? "");
  expect(leaf.subjectAltName).toBe("DNS:shop.test, DNS:www.shop.test");
  expect(leaf.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
  expect(world.edges.asked.map((host) => host.split(":")[0])).toEqual(
    expect.arrayContaining(["shop.test", "www.shop.test"]),
  );
  const key = await openSecret(world.db, world.acmeSettings.seal, certificate.keySecretId ?? "", {
    accountId: world.customer.accountId,
    purpose: "certificate_key",
  });
  expect(leaf.checkPrivateKey(createPrivateKey(key))).toBe(true);
});

test("once it is issued, no challenge is left in any feed, and the order holds no key", async () => {
  const { id } = await issue(["clean.test"]);
  const order = await orderWhen(world.db, id, ({ isPublished }) => !isPublished);
  expect(order).toMatchObject({ state: "done", sealed: null, csr: null, answers: [] });
  expect(await world.db("feed_record").where({ kind: "challenge", op: "put" })).toEqual([]);
});

test("programs of the account are told of it, once", async () => {
  const { id } = await issue(["told.test"]);
  const told = await world.db("notification").where({ event: "certificate.issued" }).pluck("details");
  const ofThis = told.filter(({ certificate_id: about }) => about === id);
  expect(ofThis).toEqual([expect.objectContaining({ names: ["told.test"] })]);
});

test("an RSA key of 2048 bits is made on request", async () => {
  const { chain } = await issue(["rsa.test"], "rsa");
  expect(new X509Certificate(chain ?? "").publicKey.asymmetricKeyDetails).toMatchObject({ modulusLength: 2048 });
});
