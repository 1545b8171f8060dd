// Certificates in the feed: there before the documents that are served with them, in the groups that serve those alone, and
// gone with the last of them. The platform's own are in every group.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { certificateBodySchema, PLATFORM_ACCOUNT, secretBodySchema } from "../../../agents/contract.ts";
import { createViewersAuthority } from "../../../openresty/test-certificates.ts";
import { createSeal } from "../../../platform/seal.ts";
import { inTransaction } from "../../database/transaction.ts";
import {
  createCertificateService,
  ensurePlatformCertificate,
  platformCertificateNames,
  storeIssued,
} from "../certificate/index.ts";
import { createDistributionInput, redeployServed } from "../distribution/index.ts";
import type { RecordRow } from "../feed/index.ts";
import { explainDeployment } from "./read-model.ts";
import { createGroup, createTestWorld, recordsOf, type TestWorld } from "./test-world.ts";

const { root, issue } = createViewersAuthority();
const seal = createSeal(Buffer.alloc(32, 1));
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

const certificates = () =>
  createCertificateService({
    ...{ db: world.db, clock: world.clock, seal, canonicalName: (text) => text, isServedForAnother: async () => false },
  });

function pairFor(...names: string[]) {
  const { chain, key } = issue({ names });
  return { certificate: chain, chain: root, private_key: key };
}

async function upload(...names: string[]) {
  return certificates().create(world.customer, { automatic: false, ...pairFor(...names) });
}

async function createServed(certificateId: string | null, more: object = {}): Promise<string> {
  count += 1;
  const input = createDistributionInput.parse({
    ...{ domain: `tls-${count}.example.com`, origin: { url: "http://127.0.0.1:9000" } },
    ...{ certificate_id: certificateId, ...more },
  });
  return (await world.distributions.create(world.customer, input)).record.id;
}

const kindsOf = (records: readonly RecordRow[]) => records.map(({ kind, op }) => `${kind} ${op}`);
const newRecords = async (since: number) => (await recordsOf(world, scope)).filter(({ rev }) => rev > since);
const revOf = async () => (await recordsOf(world, scope)).at(-1)?.rev ?? 0;

async function shown(id: string) {
  const record = (await recordsOf(world, scope)).find((one) => one.kind === "certificate" && one.id === id);
  return record?.op === "put" ? certificateBodySchema.parse(JSON.parse(record.body)) : undefined;
}

test("a group gets the key, sealed, and the certificate before the document that is served with it", async () => {
  const { id, fingerprint } = await upload("*.example.com");
  await world.compiler.deploy([await createServed(id)]);
  const records = await recordsOf(world, scope);
  expect(kindsOf(records)).toEqual(["keyring put", "secret put", "certificate put", "document put"]);
  const [, secret, certificate] = records;
  expect(certificate?.id).toBe(id);
  const body = await shown(id);
  expect(body).toMatchObject({ account: world.customer.accountId, names: ["*.example.com"] });
  expect(body?.chains[0]?.secret).toBe(secret?.id);
  expect(secretBodySchema.parse(JSON.parse(secret?.body ?? "")).account).toBe(world.customer.accountId);
  expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
  for (const record of records) expect(record.body).not.toContain("PRIVATE KEY");
});

test("a group that a distribution is not kept to gets neither its certificate nor the key", async () => {
  const other = await createGroup(world);
  const { id } = await upload("*.example.com");
  await world.compiler.deploy([await createServed(id, { edge_group_ids: [other] })]);
  expect(await recordsOf(world, scope)).toEqual([]);
  expect(kindsOf(await recordsOf(world, other))).toContain("certificate put");
});

test("cdn:debug tells what the edges of a group show for a host, and no key", async () => {
  const { id, fingerprint } = await upload("*.example.com");
  const distribution = await createServed(id);
  await world.compiler.deploy([distribution]);
  const { domain } = (await world.distributions.get(world.customer, distribution)).record;
  const { distributions } = await explainDeployment(world.db, domain, world.clock());
  const [certificate] = distributions[0]?.certificates ?? [];
  expect(certificate).toMatchObject({ id, name: "*.example.com", status: "active", is_platform: false });
  const here = (await world.db("edge_group").where({ id: scope }).first()).name;
  expect(certificate?.shown.find(({ group }) => group === here)).toMatchObject({
    ...{ domains: ["*.example.com"], fingerprints: [fingerprint] },
  });
  expect(JSON.stringify(distributions)).not.toContain("PRIVATE KEY");
});

test("another chain comes under the same id, before its document is looked at anew; the former key goes behind it", async () => {
  const { id } = await upload("*.example.com");
  const distribution = await createServed(id);
  await world.compiler.deploy([distribution]);
  const before = await shown(id);
  const since = await revOf();
  await certificates().update(world.customer, id, pairFor("*.example.com"));
  await redeployServed(world.db, { certificate_id: id, after: null });
  expect(await world.db("outbox").where({ job: "distribution.changed" }).pluck("payload")).toContainEqual({
    distribution_id: distribution,
  });
  await world.compiler.deploy([distribution]);
  const after = await shown(id);
  const news = await newRecords(since);
  expect(kindsOf(news)).toEqual(["secret put", "certificate put", "secret del"]);
  expect(news.at(-1)?.id).toBe(before?.chains[0]?.secret);
  expect(after?.chains[0]?.secret).toBe(news[0]?.id);
  expect(await world.db("secret").where({ id: before?.chains[0]?.secret })).toEqual([]);
});

test("it goes with the last distribution that is served with it, and comes back with the next", async () => {
  const { id } = await upload("*.example.com");
  const [one, other] = [await createServed(id), await createServed(id)];
  await world.compiler.deploy([one, other]);
  await world.distributions.update(world.customer, one, { certificate_id: null });
  await world.compiler.deploy([one]);
  expect(await shown(id)).toBeDefined();
  const since = await revOf();
  await world.distributions.remove(world.customer, other);
  await world.compiler.deploy([other]);
  expect(kindsOf(await newRecords(since))).toEqual(["document del", "certificate del", "secret del"]);
  await world.distributions.update(world.customer, one, { certificate_id: id });
  await world.compiler.deploy([one]);
  expect(await shown(id)).toBeDefined();
});

test("who changes to one that is still to be issued is served with the former until that is there", async () => {
  const { id: former } = await upload("*.example.com");
  const distribution = await createServed(former, { is_redirect_http_to_https: true });
  await world.compiler.deploy([distribution]);
  const { record } = await world.distributions.update(world.customer, distribution, { le_issue: true });
  const next = record.certificateId ?? "";
  await world.compiler.deploy([distribution]);
  expect([await shown(former), await shown(next)]).toEqual([expect.anything(), undefined]);
  const document = async () => (await recordsOf(world, scope)).find(({ id }) => id === distribution)?.body;
  expect(await document()).toContain('"redirect_to_https":true');
  await expect(certificates().remove(world.customer, former)).rejects.toMatchObject({ kind: { status: 409 } });
  const { chain, key } = issue({ names: [record.domain] });
  await inTransaction(world.db, (tx) =>
    storeIssued(tx, { seal, now: world.clock() }, { certificateId: next, chain, privateKey: key }),
  );
  await redeployServed(world.db, { certificate_id: next, after: null });
  await world.compiler.deploy([distribution]);
  expect([await shown(former), await shown(next)]).toEqual([undefined, expect.anything()]);
  expect(await document()).toContain('"redirect_to_https":true');
  await certificates().remove(world.customer, former);
});

test("compiled again, nothing of it is sent again", async () => {
  const { id } = await upload("*.example.com");
  const distribution = await createServed(id);
  await world.compiler.deploy([distribution]);
  const before = await recordsOf(world, scope);
  await world.compiler.deploy([distribution]);
  expect(await recordsOf(world, scope)).toEqual(before);
});

test("viewers are led to HTTPS once a certificate covers the host, and no earlier", async () => {
  const wish = { is_redirect_http_to_https: true };
  const isLed = async (id: string) => {
    await world.compiler.deploy([id]);
    const record = (await recordsOf(world, scope)).find((one) => one.id === id);
    const body: unknown = JSON.parse(record?.body ?? "");
    return JSON.stringify(body).includes('"redirect_to_https":true');
  };
  expect(await isLed(await createServed(null, wish))).toBe(false);
  expect(await isLed(await createServed(null, { ...wish, le_issue: true }))).toBe(false);
  const { id } = await upload("*.example.com");
  expect(await isLed(await createServed(id, wish))).toBe(true);
  expect(await isLed(await createServed(id, { ...wish, enable_ssl: false }))).toBe(false);
});

test("the platform's own is in every group, also in one that is new, and leads viewers of its names to HTTPS", async () => {
  const names = platformCertificateNames("edge.test");
  const made = await ensurePlatformCertificate(world.db, { names, now: world.clock() });
  const again = await ensurePlatformCertificate(world.db, { names, now: world.clock() });
  expect(again.id).toBe(made.id);
  expect(await world.db("outbox").where({ job: "certificate.wanted" }).pluck("payload")).toEqual([
    { certificate_id: made.id },
  ]);
  const wish = { domain: undefined, domain_type: "subdomain", is_redirect_http_to_https: true };
  const distribution = await createServed(null, wish);
  const issued = async () => {
    const { chain, key } = issue({ names });
    const wanted = { certificateId: made.id, chain, privateKey: key };
    await inTransaction(world.db, (tx) => storeIssued(tx, { seal, now: world.clock() }, wanted));
    await world.compiler.deployPlatformCertificates();
  };
  await issued();
  const [first] = (await shown(made.id))?.chains ?? [];
  expect(await shown(made.id)).toMatchObject({ account: PLATFORM_ACCOUNT, names: [...names].sort() });
  await issued();
  const [second] = (await shown(made.id))?.chains ?? [];
  expect(second?.secret).not.toBe(first?.secret);
  const records = await recordsOf(world, scope);
  const secrets = records.filter(({ kind, op }) => kind === "secret" && op === "put").map(({ id }) => id);
  expect(secrets).toEqual([second?.secret]);
  const since = await revOf();
  await world.compiler.deployPlatformCertificates();
  expect(await newRecords(since)).toEqual([]);

  scope = await createGroup(world);
  await world.compiler.recompile({ after: null });
  expect(await shown(made.id)).toBeDefined();
  await world.db("outbox").delete();
  await redeployServed(world.db, { certificate_id: made.id, after: null });
  expect(await world.db("outbox").pluck("payload")).toContainEqual({ distribution_id: distribution });
  const document = (await recordsOf(world, scope)).find(({ id }) => id === distribution);
  expect(document?.body).toContain('"redirect_to_https":true');
});
