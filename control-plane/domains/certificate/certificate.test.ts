import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { createViewersAuthority } from "../../../openresty/test-certificates.ts";
import { createSeal } from "../../../platform/seal.ts";
import { inTransaction } from "../../database/transaction.ts";
import type { Answer } from "../../http/test-ask.ts";
import { canonicalDomain, findForeignClaim } from "../distribution/index.ts";
import { idIn, idsIn, startTestApi, type TestApi } from "../distribution/test-api.ts";
import { openSecret } from "../secret/index.ts";
import {
  certificateRoutes,
  createCertificateService,
  findCertificate,
  findDueForRenewal,
  setRenewAt,
  storeIssued,
} from "./index.ts";
import { recordIssueFailure, recordIssueWait } from "./issuance.ts";

const { root, issue } = createViewersAuthority();
const seal = createSeal(Buffer.alloc(32, 1));
const now = () => new Date();
let api: TestApi;
let count = 0;

beforeAll(async () => {
  api = await startTestApi(undefined, ({ db }) => [
    ...certificateRoutes(
      createCertificateService({
        ...{ db, clock: now, seal, canonicalName: (text) => canonicalDomain(text, "edgewright.localhost") },
        isServedForAnother: async (reads, name) => (await findForeignClaim(reads, name)) !== undefined,
      }),
    ),
  ]);
});

afterAll(() => api.stop());

beforeEach(async () => {
  await api.db("outbox").delete();
});

function newName(): string {
  count += 1;
  return `h${count}.example.com`;
}

function pairFor(...names: string[]) {
  const { chain, key } = issue({ names });
  return { certificate: chain, chain: root, private_key: key };
}

async function upload(...names: string[]): Promise<string> {
  const answer = await api.call("owner", "POST", "/certificates", pairFor(...names));
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return idIn(answer);
}

async function order(...domains: string[]): Promise<string> {
  const answer = await api.call("owner", "POST", "/certificates", { domains, automatic: true });
  expect(answer.status, JSON.stringify(answer.body)).toBe(202);
  return idIn(answer);
}

async function issueFor(id: string, ...names: string[]) {
  const { chain, key } = issue({ names });
  const wanted = { certificateId: id, chain, privateKey: key };
  return inTransaction(api.db, (tx) => storeIssued(tx, { seal, now: now() }, wanted));
}

async function distribute(domain: string, more: object = {}): Promise<Answer> {
  return api.call("owner", "POST", "/distributions", { domain, origin: { url: "http://127.0.0.1:9000" }, ...more });
}

const patch = (id: string, body: object) => api.call("owner", "PATCH", `/distributions/${id}`, body);
const read = async (path: string) => (await api.call("owner", "GET", path)).body;
const jobs = (name: string): Promise<unknown[]> => api.db("outbox").where({ job: name }).pluck("payload");

const problem = z.object({ errors: z.array(z.object({ pointer: z.string(), detail: z.string() })) });
function faultsIn({ status, body }: Answer): readonly string[] {
  expect(status, JSON.stringify(body)).toBe(422);
  return problem.parse(body).errors.map(({ pointer, detail }) => `${pointer} ${detail}`);
}

test("an uploaded certificate is told of, and nothing of its key is in any answer or row", async () => {
  const pair = pairFor("*.kept.example.com", "kept.example.com");
  const answer = await api.call(
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
  expect(await read(path)).toEqual(answer.body);
  const secrets = pair.private_key.split("\n").filter((line) => !line.startsWith("-----") && line !== "");
  const seen = [answer.body, await read(path), await read("/certificates"), await everyRow()];
  for (const text of seen.map((one) => JSON.stringify(one)))
    for (const secret of secrets) expect(text).not.toContain(secret);
  const [deed] = await api.db("audit_entry").where({ action: "certificate.create" });
  expect(JSON.stringify(deed.changes)).toContain('"(set)"');
});

async function everyRow(): Promise<unknown[]> {
  const tables: string[] = await api.db("pg_tables").where({ schemaname: "public" }).pluck("tablename");
  return Promise.all(tables.map((table) => api.db(table)));
}

test("a fault in an upload names its field, and nothing is kept", async () => {
  const before = idsIn(await api.call("owner", "GET", "/certificates"));
  const answer = await api.call("owner", "POST", "/certificates", { ...pairFor("x.example.com"), chain: undefined });
  expect(faultsIn(answer)[0]).toContain('/chain lacks the certificate of "Test Root"');
  const other = await api.call("owner", "POST", "/certificates", { automatic: false, domains: ["a.example.com"] });
  expect(faultsIn(other)).toEqual([
    "/certificate is required when automatic is false.",
    "/private_key is required when automatic is false.",
    "/domains must be absent when automatic is false.",
  ]);
  const huge = { ...pairFor("x.example.com"), certificate: "A".repeat(70_000) };
  expect(faultsIn(await api.call("owner", "POST", "/certificates", huge))[0]).toContain("/certificate");
  expect(idsIn(await api.call("owner", "GET", "/certificates"))).toEqual(before);
});

test("nobody else sees, changes or uses one", async () => {
  const host = newName();
  const id = await upload(host);
  for (const [method, path, body] of [
    ["GET", "", undefined],
    ["PATCH", "", { name: "theirs" }],
    ["DELETE", "", undefined],
    ["POST", "/renew", undefined],
    ["POST", "/revoke", {}],
  ] as const) {
    expect((await api.call("stranger", method, `/certificates/${id}${path}`, body)).status).toBe(404);
    if (method !== "GET")
      expect((await api.call("viewer", method, `/certificates/${id}${path}`, body)).status).toBe(403);
  }
  const wish = { domain: host, origin: { url: "http://127.0.0.1:9000" }, certificate_id: id };
  const foreign = faultsIn(await api.call("stranger", "POST", "/distributions", wish));
  const unknown = faultsIn(
    await api.call("stranger", "POST", "/distributions", {
      ...wish,
      certificate_id: "3f6e1a7c-9b2d-4c58-8f10-6a5b4c3d2e1f",
    }),
  );
  expect(foreign).toEqual(unknown);
  expect(foreign[0]).toContain("/certificate_id is no certificate of this account");
  expect(idsIn(await api.call("stranger", "GET", "/certificates"))).toEqual([]);
});

test("an automatic one is ordered at once, for names that its account may have", async () => {
  const id = await order("Shop.Example.COM", "*.shop.example.com", "shop.example.com");
  expect(await read(`/certificates/${id}`)).toMatchObject({
    ...{ name: "shop.example.com", domains: ["shop.example.com", "*.shop.example.com"], status: "pending" },
    ...{ key_type: "ecdsa", not_after: null, issuer: null },
  });
  expect(await jobs("certificate.wanted")).toEqual([{ certificate_id: id }]);
  await api.call("stranger", "POST", "/distributions", {
    ...{ domain: "theirs.example.com", origin: { url: "http://127.0.0.1:9000" } },
  });
  const domains = ["ok.example.com", "theirs.example.com", "a.edgewright.localhost", "com", "127.0.0.1"];
  const faults = faultsIn(await api.call("owner", "POST", "/certificates", { domains, automatic: true }));
  expect(faults.map((fault) => fault.split(" ")[0])).toEqual(["/domains/1", "/domains/2", "/domains/3", "/domains/4"]);
  expect(faults[0]).toContain("is served for another account. Make a distribution for it and prove by DNS");
});

test("what was issued is told, with the key where it opens for nobody else", async () => {
  const host = newName();
  const id = await order(host);
  expect(await issueFor(id, host)).toEqual({ version: 1 });
  expect(await read(`/certificates/${id}`)).toMatchObject({
    status: "active",
    issuer: "Test Issuer",
    status_reason: null,
  });
  expect(await jobs("certificate.changed")).toEqual([{ certificate_id: id, after: null }]);
  const record = await findCertificate(api.db, id);
  const secretId = record?.keySecretId ?? "";
  const purpose = "certificate_key" as const;
  const open = (accountId: string | null) => openSecret(api.db, seal, secretId, { accountId, purpose });
  expect(await open(api.people.owner.accountId)).toContain("PRIVATE KEY");
  await expect(open(api.people.stranger.accountId)).rejects.toThrow();
  await expect(open(null)).rejects.toThrow();
  expect(await issueFor(id, host)).toEqual({ version: 2 });
  expect(await api.db("secret").where({ id: secretId })).toEqual([]);
  await expect(issueFor(id, "other.example.com")).rejects.toThrow(`is not for ${host}`);
});

test("a failure is told in words; a chain that holds is served on", async () => {
  const host = newName();
  const id = await order(host);
  const tell = (reason: string, record = recordIssueFailure) =>
    inTransaction(api.db, (tx) => record(tx, { certificateId: id, reason, now: now() }));
  await tell("Waiting for DNS.", recordIssueWait);
  expect(await read(`/certificates/${id}`)).toMatchObject({ status: "pending", status_reason: "Waiting for DNS." });
  await tell("No A record.");
  expect(await read(`/certificates/${id}`)).toMatchObject({ status: "failed", status_reason: "No A record." });
  await issueFor(id, host);
  await tell("CAA forbids it.");
  expect(await read(`/certificates/${id}`)).toMatchObject({ status: "active", status_reason: "CAA forbids it." });
});

test("a distribution is served with one that covers it, and tells of it", async () => {
  const host = newName();
  const id = await upload("*.example.com");
  const made = await distribute(host, { certificate_id: id });
  expect(made.body).toMatchObject({
    ...{ le_issue: false, certificate_id: id, is_cname_valid: false, is_acme_challenge_valid: false },
    certificate: { id, name: "*.example.com", status: "active", issuer: "Test Issuer", is_automatic: false },
  });
  expect(await read("/distributions?limit=1")).toMatchObject({ data: [{ certificate: { id } }] });
  const distribution = idIn(made);
  const other = await upload("other.example.net");
  expect(faultsIn(await patch(distribution, { certificate_id: other }))).toEqual([
    `/certificate_id does not cover ${host}: it is for other.example.net. Upload one that covers it, or set le_issue.`,
  ]);
  expect(faultsIn(await patch(distribution, { le_issue: true, certificate_id: id }))[0]).toContain(
    "/certificate_id must be null while le_issue is true",
  );
  const subdomain = { domain_type: "subdomain", origin: { url: "http://127.0.0.1:9000" } };
  const asked = await api.call("owner", "POST", "/distributions", { ...subdomain, le_issue: true, certificate_id: id });
  expect(faultsIn(asked).map((fault) => fault.split(":")[0])).toEqual([
    "/le_issue must be false",
    "/certificate_id must be null",
  ]);
  const renamed = await api.call("owner", "PATCH", `/certificates/${id}`, { name: "all of it" });
  expect(renamed.body).toMatchObject({ name: "all of it" });
  expect(await read(`/distributions/${distribution}`)).toMatchObject({ certificate: { name: "all of it" } });
  expect((await patch(distribution, { certificate_id: null })).body).toMatchObject({
    ...{ certificate_id: null, certificate: null },
  });
});

test("with le_issue one is got for the domain, in the same transaction, and goes when it is not wanted any more", async () => {
  const host = newName();
  const made = await distribute(host, { le_issue: true });
  const issued = z.object({ id: z.uuid(), certificate_id: z.uuid(), le_issue: z.literal(true) });
  const { id, certificate_id: certificate } = issued.parse(made.body);
  expect(made.body).toMatchObject({
    certificate: { id: certificate, name: host, status: "pending", is_automatic: true },
  });
  expect(await jobs("certificate.wanted")).toEqual([{ certificate_id: certificate }]);
  // What was read can be written back.
  expect((await patch(id, { le_issue: true, certificate_id: certificate })).body).toMatchObject({
    certificate_id: certificate,
  });
  await issueFor(certificate, host);
  expect(await read(`/distributions/${id}`)).toMatchObject({ certificate: { status: "active" } });
  expect((await patch(id, { le_issue: false })).body).toMatchObject({ certificate_id: null, certificate: null });
  expect((await api.call("owner", "GET", `/certificates/${certificate}`)).status).toBe(404);
  expect(await jobs("certificate.unwanted")).toEqual([{ certificate_id: certificate, revoke: null }]);
  const record = await findCertificate(api.db, certificate);
  expect(record).toMatchObject({ keySecretId: null, renewAt: null });
  expect(record?.deletedAt).not.toBeNull();
});

test("it goes with its distribution, and stays while another one is served with it", async () => {
  const zone = newName();
  const [one, other] = [await distribute(`*.${zone}`, { le_issue: true }), await distribute(`www.${zone}`)];
  const { certificate_id: id } = z.object({ certificate_id: z.uuid() }).parse(one.body);
  expect((await patch(idIn(other), { certificate_id: id })).status).toBe(200);
  await api.call("owner", "DELETE", `/distributions/${idIn(one)}`);
  expect((await api.call("owner", "GET", `/certificates/${id}`)).status).toBe(200);
  const last = await distribute(newName(), { le_issue: true });
  const { certificate_id: lastId } = z.object({ certificate_id: z.uuid() }).parse(last.body);
  await api.call("owner", "DELETE", `/distributions/${idIn(last)}`);
  expect((await api.call("owner", "GET", `/certificates/${lastId}`)).status).toBe(404);
});

test("versions keep what was decided: a rollback gets a certificate anew, a clone one of its own", async () => {
  const host = newName();
  const distribution = idIn(await distribute(host, { le_issue: true }));
  await patch(distribution, { le_issue: false, label: "without" });
  await api.db("outbox").delete();
  const back = await api.call("owner", "POST", `/distributions/${distribution}/rollback`, { version: 1 });
  expect(back.body).toMatchObject({ le_issue: true, certificate: { status: "pending" } });
  expect(await jobs("certificate.wanted")).toHaveLength(1);
  const clone = await api.call("owner", "POST", `/distributions/${distribution}/clone`, { domain: newName() });
  expect(clone.body).toMatchObject({ le_issue: true, certificate: { status: "pending", is_automatic: true } });
  expect(z.object({ certificate_id: z.uuid() }).parse(clone.body).certificate_id).not.toBe(
    z.object({ certificate_id: z.uuid() }).parse(back.body).certificate_id,
  );

  const [own, only] = [await upload("*.example.com"), await upload(host)];
  await patch(distribution, { le_issue: false, certificate_id: own });
  const covered = { domain: newName() };
  expect((await api.call("owner", "POST", `/distributions/${distribution}/clone`, covered)).body).toMatchObject({
    certificate_id: own,
  });
  await patch(distribution, { certificate_id: only });
  const bare = { domain: newName() };
  expect((await api.call("owner", "POST", `/distributions/${distribution}/clone`, bare)).body).toMatchObject({
    certificate_id: null,
  });
  const version = z.object({ version: z.int() }).parse(await read(`/distributions/${distribution}`)).version;
  await patch(distribution, { certificate_id: null });
  expect((await api.call("owner", "DELETE", `/certificates/${only}`)).status).toBe(204);
  const gone = await api.call("owner", "POST", `/distributions/${distribution}/rollback`, { version });
  expect(faultsIn(gone)[0]).toContain("/certificate_id is no certificate of this account");
});

test("whose name is served for another account waits for its proof, and nothing is asked of an authority", async () => {
  const host = newName();
  await api.call("stranger", "POST", "/distributions", { domain: host, origin: { url: "http://127.0.0.1:9000" } });
  const made = await distribute(host, { le_issue: true });
  expect(made.body).toMatchObject({
    certificate: { status: "pending", status_reason: expect.stringContaining("Prove that it is yours") },
  });
  expect(await jobs("certificate.wanted")).toEqual([]);
});

test("one that a distribution is served with is not deleted, nor replaced by one that does not cover it", async () => {
  const host = newName();
  const id = await upload(host);
  const distribution = idIn(await distribute(host, { certificate_id: id }));
  const refused = await api.call("owner", "DELETE", `/certificates/${id}`);
  expect([refused.status, JSON.stringify(refused.body)]).toEqual([409, expect.stringContaining(host)]);
  const path = `/certificates/${id}`;
  expect(faultsIn(await api.call("owner", "PATCH", path, pairFor("other.example.com")))[0]).toContain(
    `/certificate does not cover ${host}, served with the present one`,
  );
  expect(faultsIn(await api.call("owner", "PATCH", path, { certificate: root }))).toEqual([
    "/private_key is required when another certificate is sent.",
  ]);
  const { fingerprint } = z.object({ fingerprint: z.string() }).parse(await read(path));
  const replaced = await api.call("owner", "PATCH", path, pairFor(host, "more.example.com"));
  expect(replaced.body).toMatchObject({ domains: [host, "more.example.com"].sort(), status: "active" });
  expect(z.object({ fingerprint: z.string() }).parse(replaced.body).fingerprint).not.toBe(fingerprint);
  expect(await jobs("certificate.changed")).toContainEqual({ certificate_id: id, after: null });
  await patch(distribution, { certificate_id: null });
  expect((await api.call("owner", "DELETE", path)).status).toBe(204);
  expect((await api.call("owner", "GET", path)).status).toBe(404);
  expect((await api.call("owner", "DELETE", path)).status).toBe(404);
});

test("who attaches it and who deletes it take turns: never is a deleted one served with", async () => {
  for (let turn = 0; turn < 5; turn += 1) {
    const host = newName();
    const id = await upload(host);
    const distribution = idIn(await distribute(host));
    const [attached, deleted] = await Promise.all([
      patch(distribution, { certificate_id: id }),
      api.call("owner", "DELETE", `/certificates/${id}`),
    ]);
    expect([attached.status, deleted.status].sort()).toEqual(attached.status === 200 ? [200, 409] : [204, 422]);
  }
});

test("an If-Match of what is no more is refused", async () => {
  const id = await upload(newName());
  const { headers } = await api.call("owner", "GET", `/certificates/${id}`);
  const etag = { "if-match": headers.get("etag") ?? "" };
  expect((await api.call("owner", "PATCH", `/certificates/${id}`, { name: "first" }, etag)).status).toBe(200);
  expect((await api.call("owner", "PATCH", `/certificates/${id}`, { name: "second" }, etag)).status).toBe(412);
  expect((await api.call("owner", "DELETE", `/certificates/${id}`, undefined, etag)).status).toBe(412);
});

test("renewal asks for another one now; what was uploaded is its authority's business", async () => {
  const host = newName();
  const id = await order(host);
  await issueFor(id, host);
  await api.db("outbox").delete();
  const renewed = await api.call("owner", "POST", `/certificates/${id}/renew`);
  expect([renewed.status, renewed.body]).toEqual([202, expect.objectContaining({ status: "active" })]);
  expect(await jobs("certificate.wanted")).toEqual([{ certificate_id: id }]);
  const again = await api.call("owner", "POST", `/certificates/${id}/renew`);
  expect([again.status, JSON.stringify(again.body)]).toEqual([429, expect.stringContaining("again from")]);
  expect(again.headers.get("retry-after")).toMatch(/^([1-9]|[1-5]\d|60)$/);
  expect((await api.call("owner", "POST", `/certificates/${id}/revoke`, {})).status).toBe(429);
  await api
    .db("certificate")
    .where({ id })
    .update({ asked_at: new Date(Date.now() - 61_000) });
  expect((await api.call("owner", "POST", `/certificates/${id}/renew`)).status).toBe(202);
  const uploaded = await upload(newName());
  expect((await api.call("owner", "POST", `/certificates/${uploaded}/renew`)).status).toBe(409);
  expect((await api.call("owner", "POST", `/certificates/${uploaded}/revoke`, {})).status).toBe(409);
  const automatic = await api.call("owner", "PATCH", `/certificates/${id}`, pairFor(host));
  expect(automatic.status).toBe(409);
});

test("a revoked one is replaced first: the authority hears of it once the next is there", async () => {
  const host = newName();
  const id = await order(host);
  expect((await api.call("owner", "POST", `/certificates/${id}/revoke`, {})).status).toBe(409);
  await issueFor(id, host);
  const leaf = (await findCertificate(api.db, id))?.chain?.split(/(?<=-----END CERTIFICATE-----\n)/)[0];
  await api.db("outbox").delete();
  const revoked = await api.call("owner", "POST", `/certificates/${id}/revoke`, { reason: "key_compromise" });
  expect(revoked.body).toMatchObject({ status: "active", status_reason: expect.stringContaining("then this one is") });
  expect([await jobs("certificate.wanted"), await jobs("certificate.unwanted")]).toEqual([
    [{ certificate_id: id }],
    [],
  ]);
  await issueFor(id, host);
  expect(await jobs("certificate.unwanted")).toEqual([
    { certificate_id: id, revoke: { leaf, reason: "key_compromise" } },
  ]);
  await api.db("outbox").delete();
  await issueFor(id, host);
  expect(await jobs("certificate.unwanted")).toEqual([]);
});

test("revoked at once, it is shown no more and its key is destroyed; renewal gets another one", async () => {
  const host = newName();
  const id = await order(host);
  await issueFor(id, host);
  const key = (await findCertificate(api.db, id))?.keySecretId;
  await api.db("outbox").delete();
  const revoked = await api.call("owner", "POST", `/certificates/${id}/revoke`, { reissue: false });
  expect(revoked.body).toMatchObject({ status: "revoked", renew_at: null });
  expect(await api.db("secret").where({ id: key })).toEqual([]);
  // What an order that is still under way brings comes too late.
  expect(await issueFor(id, host)).toBeUndefined();
  expect(await jobs("certificate.unwanted")).toHaveLength(1);
  expect(await jobs("certificate.changed")).toEqual([{ certificate_id: id, after: null }]);
  expect((await api.call("owner", "POST", `/certificates/${id}/revoke`, {})).status).toBe(409);
  expect((await api.call("owner", "POST", `/certificates/${id}/renew`)).body).toMatchObject({
    ...{ status: "pending", status_reason: null },
  });
  await issueFor(id, host);
  expect(await read(`/certificates/${id}`)).toMatchObject({ status: "active" });
});

test("nothing is made in an account that is gone, nor renewed for it", async () => {
  const host = newName();
  const id = await order(host);
  await issueFor(id, host);
  await inTransaction(api.db, (tx) => setRenewAt(tx, id, new Date(0)));
  const isDue = async () => (await findDueForRenewal(api.db, now(), 1000)).some((due) => due.id === id);
  expect(await isDue()).toBe(true);
  const account = api.db("account").where({ id: api.people.owner.accountId });
  await account.clone().update({ deleted_at: now() });
  expect(await isDue()).toBe(false);
  expect((await api.call("owner", "POST", "/certificates", pairFor(host))).status).toBe(403);
  expect((await api.call("owner", "POST", "/certificates", { domains: [host], automatic: true })).status).toBe(403);
  await account.clone().update({ deleted_at: null });
});
