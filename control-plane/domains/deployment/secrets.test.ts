// Secrets in the feed: there before the documents that name them, sealed for the nodes that there are, gone with the last
// distribution that needs them.
import { createPublicKey } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { keyFingerprint, keyringBodySchema, secretBodySchema } from "../../../agents/contract.ts";
import { inTransaction } from "../../database/transaction.ts";
import { createDistributionInput } from "../distribution/index.ts";
import { capabilities, createTestKey, type TestKey } from "../edge-node/test-agent.ts";
import type { RecordRow } from "../feed/index.ts";
import { createGroup, createTestWorld, recordsOf, type TestWorld } from "./test-world.ts";

const VALUE = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
let world: TestWorld;
let scope: string;
let count = 0;

beforeAll(async () => {
  world = await createTestWorld();
});

afterAll(() => world.stop());

beforeEach(async () => {
  await world.db("outbox").delete();
  scope = await createGroup(world);
});

async function createBucketDistribution(): Promise<string> {
  count += 1;
  const input = createDistributionInput.parse({
    domain: `bucket-${count}.example.com`,
    origin_type: "s3",
    origin: {
      ...{ type: "s3", s3_type: "aws", s3_region: "eu-central-1", s3_bucket_name: "files" },
      ...{ s3_access_key_id: "AKIAIOSFODNN7EXAMPLE", s3_secret_key: VALUE },
    },
  });
  return (await world.distributions.create(world.customer, input)).record.id;
}

async function enrol(name: string, key: TestKey): Promise<string> {
  const { token } = await inTransaction(world.db, (tx) => world.edgeNodes.createEnrolmentToken(tx, scope));
  return (await world.edgeNodes.enrol({ token, name, csr: key.csr, capabilities })).edge_id;
}

const kindsOf = (records: readonly RecordRow[]) => records.map(({ kind, op }) => `${kind} ${op}`);
const liveSecrets = async () =>
  (await recordsOf(world, scope)).filter(({ kind, op }) => kind === "secret" && op === "put");

async function keyring() {
  const record = (await recordsOf(world, scope)).find(({ kind }) => kind === "keyring");
  return record && keyringBodySchema.parse(JSON.parse(record.body));
}

async function jobs(name: string): Promise<unknown[]> {
  const rows: { payload: unknown }[] = await world.db("outbox").where({ job: name }).orderBy("id");
  return rows.map(({ payload }) => payload);
}

test("a group gets keyring and secret before the document, and no word of the secret", async () => {
  const id = await createBucketDistribution();
  await world.compiler.deploy([id]);
  const records = await recordsOf(world, scope);
  expect(kindsOf(records)).toEqual(["keyring put", "secret put", "document put"]);
  const [ring, secret, document] = records;
  expect(ring?.id).toBe(scope);
  expect(document?.body).toContain(secret?.id);
  expect(secretBodySchema.parse(JSON.parse(secret?.body ?? ""))).toMatchObject({
    account: world.customer.accountId,
    generation: 1,
  });
  for (const { body } of records) expect(body).not.toContain(VALUE);
});

test("compiled again, nothing is sent again", async () => {
  const id = await createBucketDistribution();
  await world.compiler.deploy([id]);
  const before = await recordsOf(world, scope);
  await world.compiler.deploy([id]);
  await world.compiler.deployKeyring(scope);
  expect(await recordsOf(world, scope)).toEqual(before);
});

test("a distribution without secrets brings no keyring", async () => {
  const input = createDistributionInput.parse({
    domain: "plain.example.com",
    origin: { url: "http://127.0.0.1:9000" },
  });
  const { record } = await world.distributions.create(world.customer, input);
  await world.compiler.deploy([record.id]);
  await world.compiler.deployKeyring(scope);
  expect(kindsOf(await recordsOf(world, scope))).toEqual(["document put"]);
});

test("a node that enrols has its wrap with the next keyring, and the secrets stay as they are", async () => {
  const id = await createBucketDistribution();
  await enrol("one", createTestKey());
  await world.compiler.deploy([id]);
  const [secret] = await liveSecrets();
  await world.db("outbox").delete();
  const key = createTestKey();
  const edgeId = await enrol("two", key);
  expect(await jobs("edge-keys.changed")).toEqual([{ group_id: scope }]);
  await world.compiler.deployKeyring(scope);
  const spki = createPublicKey(key.key).export({ type: "spki", format: "der" });
  expect((await keyring())?.keys[0]?.wraps).toContainEqual({
    edge: edgeId,
    key: keyFingerprint(spki),
    wrapped: expect.any(String),
  });
  expect(await liveSecrets()).toEqual([secret]);
});

test("a node that enrols anew with another key begins another one, and all secrets are sealed under it", async () => {
  const ids = [await createBucketDistribution(), await createBucketDistribution()];
  await enrol("one", createTestKey());
  await world.compiler.deploy(ids);
  await enrol("one", createTestKey());
  await world.db("outbox").delete();
  await world.compiler.deployKeyring(scope);
  expect((await keyring())?.keys.map(({ generation }) => generation)).toEqual([2, 1]);
  expect(await jobs("edge-secret.reseal")).toEqual([{ scope, after: null }]);
  await world.compiler.reseal(scope, null);
  const generations = (await liveSecrets()).map(({ body }) => secretBodySchema.parse(JSON.parse(body)).generation);
  expect(generations).toEqual([2, 2]);
  const documents = (await recordsOf(world, scope)).filter(({ kind }) => kind === "document");
  expect(documents.map(({ rev }) => rev)).toEqual([4, 5]);
});

test("a renewal brings a node of an earlier release, whose key nobody knew, into the keyring, and changes no other", async () => {
  const key = createTestKey();
  const edgeId = await enrol("one", key);
  await world.db("edge_node").where({ id: edgeId }).update({ public_key: null });
  await world.compiler.deploy([await createBucketDistribution()]);
  expect((await keyring())?.keys[0]?.wraps).toEqual([]);
  await world.db("outbox").delete();
  await world.edgeNodes.renew({ edgeId, scope }, key.csr);
  expect(await jobs("edge-keys.changed")).toEqual([{ group_id: scope }]);
  await world.compiler.deployKeyring(scope);
  const before = await keyring();
  expect(before?.keys[0]?.wraps.map(({ edge }) => edge)).toEqual([edgeId]);
  await world.edgeNodes.renew({ edgeId, scope }, key.csr);
  await world.compiler.deployKeyring(scope);
  expect(await keyring()).toEqual(before);
});

test("a secret goes behind the document of the last distribution that needs it", async () => {
  const [one, other] = [await createBucketDistribution(), await createBucketDistribution()];
  await world
    .db("origin")
    .where({ distribution_id: other })
    .update({
      s3_secret_id: (await world.db("origin").where({ distribution_id: one }).first()).s3_secret_id,
    });
  await world.compiler.deploy([one, other]);
  expect((await liveSecrets()).length).toBe(1);
  await world.distributions.remove(world.customer, one);
  await world.compiler.deploy([one]);
  expect((await liveSecrets()).length).toBe(1);
  await world.distributions.remove(world.customer, other);
  await world.compiler.deploy([other]);
  expect(kindsOf(await recordsOf(world, scope)).slice(-2)).toEqual(["document del", "secret del"]);
});

test("another secret key is another secret: it comes before the document, the former one goes behind it", async () => {
  const id = await createBucketDistribution();
  await world.compiler.deploy([id]);
  const [before] = await liveSecrets();
  const [origin] = await world.db("origin").where({ distribution_id: id });
  await world.origins.update(world.customer, { id, originId: origin.id }, { s3_secret_key: `${VALUE}2` });
  await world.compiler.deploy([id]);
  const records = await recordsOf(world, scope);
  expect(kindsOf(records)).toEqual(["keyring put", "secret put", "document put", "secret del"]);
  expect(records.at(-1)?.id).toBe(before?.id);
});

test("a document that does not compile keeps its secrets", async () => {
  const id = await createBucketDistribution();
  await world.compiler.deploy([id]);
  await world.db("origin").where({ distribution_id: id }).update({ host_header: "not a host" });
  await world.db("distribution").where({ id }).increment("version", 1);
  await world.compiler.deploy([id]);
  expect((await liveSecrets()).length).toBe(1);
});
