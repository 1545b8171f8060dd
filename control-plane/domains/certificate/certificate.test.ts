// Certificates over the API: uploaded, ordered, issued, renewed and revoked.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { inTransaction } from "../../database/transaction.ts";
import { idIn, idsIn } from "../distribution/test-api.ts";
import { openSecret } from "../secret/index.ts";
import { findCertificate, findDueForRenewal, setRenewAt } from "./index.ts";
import { recordIssueFailure, recordIssueWait } from "./issuance.ts";
import { type CertificateWorld, faultsIn, startCertificateWorld } from "./test-world.ts";

let world: CertificateWorld;

beforeAll(async () => {
  world = await startCertificateWorld();
});
afterAll(() => world?.stop());
beforeEach(async () => {
  await world.api.db("outbox").delete();
});

test("an uploaded certificate is told of, and nothing of its key is in any answer or row", async () => {
  const pair = world.pairFor("*.kept.example.com", "kept.example.com");
  const answer = await world.api.call(
    "owner",
    "POST",
    "/certificates",
    { ...pair, name: "kept" },
    { "idempotency-key": "k1" },
  );
  expect(answer.status).toBe(201);
  expect(answer.body).toMatchObject({
    ...{ name: "kept", domains: ["*.kept.example.com", "kept.example.com"], automatic: false, key_type: "ecdsa" },
    ...{ status: "active", status_reason: null, issuer: "Test Issuer", renew_at: null },
  });
  const path = `/certificates/${idIn(answer)}`;
  expect(await world.read(path)).toEqual(answer.body);
  const secrets = pair.private_key.split("\n").filter((line) => !line.startsWith("-----") && line !== "");
  const seen = [answer.body, await world.read(path), await world.read("/certificates"), await everyRow()];
  for (const text of seen.map((one) => JSON.stringify(one)))
    for (const secret of secrets) expect(text).not.toContain(secret);
  const [deed] = await world.api.db("audit_entry").where({ action: "certificate.create" });
  expect(JSON.stringify(deed.changes)).toContain('"(set)"');
});

async function everyRow(): Promise<unknown[]> {
  const tables: string[] = await world.api.db("pg_tables").where({ schemaname: "public" }).pluck("tablename");
  return Promise.all(tables.map((table) => world.api.db(table)));
}

test("a fault in an upload names its field, and nothing is kept", async () => {
  const before = idsIn(await world.api.call("owner", "GET", "/certificates"));
  const answer = await world.api.call("owner", "POST", "/certificates", {
    ...world.pairFor("x.example.com"),
    chain: undefined,
  });
  expect(faultsIn(answer)[0]).toContain('/chain lacks the certificate of "Test Root"');
  const other = await world.api.call("owner", "POST", "/certificates", {
    automatic: false,
    domains: ["a.example.com"],
  });
  expect(faultsIn(other)).toEqual([
    "/certificate is required when automatic is false.",
    "/private_key is required when automatic is false.",
    "/domains must be absent when automatic is false.",
  ]);
  const huge = { ...world.pairFor("x.example.com"), certificate: "A".repeat(70_000) };
  expect(faultsIn(await world.api.call("owner", "POST", "/certificates", huge))[0]).toContain("/certificate");
  expect(idsIn(await world.api.call("owner", "GET", "/certificates"))).toEqual(before);
});

test("nobody else sees, changes or uses one", async () => {
  const host = world.newName();
  const id = await world.upload(host);
  for (const [method, path, body] of [
    ["GET", "", undefined],
    ["PATCH", "", { name: "theirs" }],
    ["DELETE", "", undefined],
    ["POST", "/renew", undefined],
    ["POST", "/revoke", {}],
  ] as const) {
    expect((await world.api.call("stranger", method, `/certificates/${id}${path}`, body)).status).toBe(404);
    if (method !== "GET")
      expect((await world.api.call("viewer", method, `/certificates/${id}${path}`, body)).status).toBe(403);
  }
  const wish = { domain: host, origin: { url: "http://127.0.0.1:9000" }, certificate_id: id };
  const foreign = faultsIn(await world.api.call("stranger", "POST", "/distributions", wish));
  const unknown = faultsIn(
    await world.api.call("stranger", "POST", "/distributions", {
      ...wish,
      certificate_id: "3f6e1a7c-9b2d-4c58-8f10-6a5b4c3d2e1f",
    }),
  );
  expect(foreign).toEqual(unknown);
  expect(foreign[0]).toContain("/certificate_id is no certificate of this account");
  expect(idsIn(await world.api.call("stranger", "GET", "/certificates"))).toEqual([]);
});

test("an automatic one is ordered at once, for names that its account may have", async () => {
  const id = await world.order("Shop.Example.COM", "*.shop.example.com", "shop.example.com");
  expect(await world.read(`/certificates/${id}`)).toMatchObject({
    ...{ name: "shop.example.com", domains: ["shop.example.com", "*.shop.example.com"], status: "pending" },
    ...{ key_type: "ecdsa", not_after: null, issuer: null },
  });
  expect(await world.jobs("certificate.wanted")).toEqual([{ certificate_id: id }]);
  await world.api.call("stranger", "POST", "/distributions", {
    ...{ domain: "theirs.example.com", origin: { url: "http://127.0.0.1:9000" } },
  });
  const domains = ["ok.example.com", "theirs.example.com", "a.edgewright.localhost", "com", "127.0.0.1"];
  const faults = faultsIn(await world.api.call("owner", "POST", "/certificates", { domains, automatic: true }));
  expect(faults.map((fault) => fault.split(" ")[0])).toEqual(["/domains/1", "/domains/2", "/domains/3", "/domains/4"]);
  expect(faults[0]).toContain("is served for another account. Make a distribution for it and prove by DNS");
});

test("what was issued is told, with the key where it opens for nobody else", async () => {
  const host = world.newName();
  const id = await world.order(host);
  expect(await world.issueFor(id, host)).toEqual({ version: 1 });
  expect(await world.read(`/certificates/${id}`)).toMatchObject({
    status: "active",
    issuer: "Test Issuer",
    status_reason: null,
  });
  expect(await world.jobs("certificate.changed")).toEqual([{ certificate_id: id, after: null }]);
  const record = await findCertificate(world.api.db, id);
  const secretId = record?.keySecretId ?? "";
  const purpose = "certificate_key" as const;
  const open = (accountId: string | null) => openSecret(world.api.db, world.seal, secretId, { accountId, purpose });
  expect(await open(world.api.people.owner.accountId)).toContain("PRIVATE KEY");
  await expect(open(world.api.people.stranger.accountId)).rejects.toThrow();
  await expect(open(null)).rejects.toThrow();
  expect(await world.issueFor(id, host)).toEqual({ version: 2 });
  expect(await world.api.db("secret").where({ id: secretId })).toEqual([]);
  await expect(world.issueFor(id, "other.example.com")).rejects.toThrow(`is not for ${host}`);
});

test("a failure is told in words; a chain that holds is served on", async () => {
  const host = world.newName();
  const id = await world.order(host);
  const tell = (reason: string, record = recordIssueFailure) =>
    inTransaction(world.api.db, (tx) => record(tx, { certificateId: id, reason, now: new Date() }));
  await tell("Waiting for DNS.", recordIssueWait);
  expect(await world.read(`/certificates/${id}`)).toMatchObject({
    status: "pending",
    status_reason: "Waiting for DNS.",
  });
  await tell("No A record.");
  expect(await world.read(`/certificates/${id}`)).toMatchObject({ status: "failed", status_reason: "No A record." });
  await world.issueFor(id, host);
  await tell("CAA forbids it.");
  expect(await world.read(`/certificates/${id}`)).toMatchObject({ status: "active", status_reason: "CAA forbids it." });
});

test("an If-Match of what is no more is refused", async () => {
  const id = await world.upload(world.newName());
  const { headers } = await world.api.call("owner", "GET", `/certificates/${id}`);
  const etag = { "if-match": headers.get("etag") ?? "" };
  expect((await world.api.call("owner", "PATCH", `/certificates/${id}`, { name: "first" }, etag)).status).toBe(200);
  expect((await world.api.call("owner", "PATCH", `/certificates/${id}`, { name: "second" }, etag)).status).toBe(412);
  expect((await world.api.call("owner", "DELETE", `/certificates/${id}`, undefined, etag)).status).toBe(412);
});

test("renewal asks for another one now; what was uploaded is its authority's business", async () => {
  const host = world.newName();
  const id = await world.order(host);
  await world.issueFor(id, host);
  await world.api.db("outbox").delete();
  const renewed = await world.api.call("owner", "POST", `/certificates/${id}/renew`);
  expect([renewed.status, renewed.body]).toEqual([202, expect.objectContaining({ status: "active" })]);
  expect(await world.jobs("certificate.wanted")).toEqual([{ certificate_id: id }]);
  const again = await world.api.call("owner", "POST", `/certificates/${id}/renew`);
  expect([again.status, JSON.stringify(again.body)]).toEqual([429, expect.stringContaining("again from")]);
  expect(again.headers.get("retry-after")).toMatch(/^([1-9]|[1-5]\d|60)$/);
  expect((await world.api.call("owner", "POST", `/certificates/${id}/revoke`, {})).status).toBe(429);
  await world.api
    .db("certificate")
    .where({ id })
    .update({ asked_at: new Date(Date.now() - 61_000) });
  expect((await world.api.call("owner", "POST", `/certificates/${id}/renew`)).status).toBe(202);
  const uploaded = await world.upload(world.newName());
  expect((await world.api.call("owner", "POST", `/certificates/${uploaded}/renew`)).status).toBe(409);
  expect((await world.api.call("owner", "POST", `/certificates/${uploaded}/revoke`, {})).status).toBe(409);
  const automatic = await world.api.call("owner", "PATCH", `/certificates/${id}`, world.pairFor(host));
  expect(automatic.status).toBe(409);
});

test("a revoked one is replaced first: the authority hears of it once the next is there", async () => {
  const host = world.newName();
  const id = await world.order(host);
  expect((await world.api.call("owner", "POST", `/certificates/${id}/revoke`, {})).status).toBe(409);
  await world.issueFor(id, host);
  const leaf = (await findCertificate(world.api.db, id))?.chain?.split(/(?<=-----END CERTIFICATE-----\n)/)[0];
  await world.api.db("outbox").delete();
  const revoked = await world.api.call("owner", "POST", `/certificates/${id}/revoke`, { reason: "key_compromise" });
  expect(revoked.body).toMatchObject({ status: "active", status_reason: expect.stringContaining("then this one is") });
  expect([await world.jobs("certificate.wanted"), await world.jobs("certificate.unwanted")]).toEqual([
    [{ certificate_id: id }],
    [],
  ]);
  await world.issueFor(id, host);
  expect(await world.jobs("certificate.unwanted")).toEqual([
    { certificate_id: id, revoke: { leaf, reason: "key_compromise" } },
  ]);
  await world.api.db("outbox").delete();
  await world.issueFor(id, host);
  expect(await world.jobs("certificate.unwanted")).toEqual([]);
});

test("revoked at once, it is shown no more and its key is destroyed; renewal gets another one", async () => {
  const host = world.newName();
  const id = await world.order(host);
  await world.issueFor(id, host);
  const key = (await findCertificate(world.api.db, id))?.keySecretId;
  await world.api.db("outbox").delete();
  const revoked = await world.api.call("owner", "POST", `/certificates/${id}/revoke`, { reissue: false });
  expect(revoked.body).toMatchObject({ status: "revoked", renew_at: null });
  expect(await world.api.db("secret").where({ id: key })).toEqual([]);
  // What an order that is still under way brings comes too late.
  expect(await world.issueFor(id, host)).toBeUndefined();
  expect(await world.jobs("certificate.unwanted")).toHaveLength(1);
  expect(await world.jobs("certificate.changed")).toEqual([{ certificate_id: id, after: null }]);
  expect((await world.api.call("owner", "POST", `/certificates/${id}/revoke`, {})).status).toBe(409);
  expect((await world.api.call("owner", "POST", `/certificates/${id}/renew`)).body).toMatchObject({
    ...{ status: "pending", status_reason: null },
  });
  await world.issueFor(id, host);
  expect(await world.read(`/certificates/${id}`)).toMatchObject({ status: "active" });
});

test("nothing is made in an account that is gone, nor renewed for it", async () => {
  const host = world.newName();
  const id = await world.order(host);
  await world.issueFor(id, host);
  await inTransaction(world.api.db, (tx) => setRenewAt(tx, id, new Date(0)));
  const isDue = async () => (await findDueForRenewal(world.api.db, new Date(), 1000)).some((due) => due.id === id);
  expect(await isDue()).toBe(true);
  const account = world.api.db("account").where({ id: world.api.people.owner.accountId });
  await account.clone().update({ deleted_at: new Date() });
  expect(await isDue()).toBe(false);
  expect((await world.api.call("owner", "POST", "/certificates", world.pairFor(host))).status).toBe(403);
  expect((await world.api.call("owner", "POST", "/certificates", { domains: [host], automatic: true })).status).toBe(
    403,
  );
  await account.clone().update({ deleted_at: null });
});
