// Which certificate a distribution is served with, got for it where it wishes so.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { idIn } from "../distribution/test-api.ts";
import { findCertificate } from "./index.ts";
import { type CertificateWorld, faultsIn, startCertificateWorld } from "./test-world.ts";

let world: CertificateWorld;

beforeAll(async () => {
  world = await startCertificateWorld();
});
afterAll(() => world?.stop());
beforeEach(async () => {
  await world.api.db("outbox").delete();
});

test("a distribution is served with one that covers it, and tells of it", async () => {
  const host = world.newName();
  const id = await world.upload("*.example.com");
  const made = await world.distribute(host, { certificate_id: id });
  expect(made.body).toMatchObject({
    ...{ le_issue: false, certificate_id: id, is_cname_valid: false, is_acme_challenge_valid: false },
    certificate: { id, name: "*.example.com", status: "active", issuer: "Test Issuer", is_automatic: false },
  });
  expect(await world.read("/distributions?limit=1")).toMatchObject({ data: [{ certificate: { id } }] });
  const distribution = idIn(made);
  const other = await world.upload("other.example.net");
  expect(faultsIn(await world.patch(distribution, { certificate_id: other }))).toEqual([
    `/certificate_id does not cover ${host}: it is for other.example.net. Upload one that covers it, or set le_issue.`,
  ]);
  expect(faultsIn(await world.patch(distribution, { le_issue: true, certificate_id: id }))[0]).toContain(
    "/certificate_id must be null while le_issue is true",
  );
  const subdomain = { domain_type: "subdomain", origin: { url: "http://127.0.0.1:9000" } };
  const asked = await world.api.call("owner", "POST", "/distributions", {
    ...subdomain,
    le_issue: true,
    certificate_id: id,
  });
  expect(faultsIn(asked).map((fault) => fault.split(":")[0])).toEqual([
    "/le_issue must be false",
    "/certificate_id must be null",
  ]);
  const renamed = await world.api.call("owner", "PATCH", `/certificates/${id}`, { name: "all of it" });
  expect(renamed.body).toMatchObject({ name: "all of it" });
  expect(await world.read(`/distributions/${distribution}`)).toMatchObject({ certificate: { name: "all of it" } });
  expect((await world.patch(distribution, { certificate_id: null })).body).toMatchObject({
    ...{ certificate_id: null, certificate: null },
  });
});

test("with le_issue one is got for the domain, in the same transaction, and goes when it is not wanted any more", async () => {
  const host = world.newName();
  const made = await world.distribute(host, { le_issue: true });
  const issued = z.object({ id: z.uuid(), certificate_id: z.uuid(), le_issue: z.literal(true) });
  const { id, certificate_id: certificate } = issued.parse(made.body);
  expect(made.body).toMatchObject({
    certificate: { id: certificate, name: host, status: "pending", is_automatic: true },
  });
  expect(await world.jobs("certificate.wanted")).toEqual([{ certificate_id: certificate }]);
  // What was read can be written back.
  expect((await world.patch(id, { le_issue: true, certificate_id: certificate })).body).toMatchObject({
    certificate_id: certificate,
  });
  await world.issueFor(certificate, host);
  expect(await world.read(`/distributions/${id}`)).toMatchObject({ certificate: { status: "active" } });
  expect((await world.patch(id, { le_issue: false })).body).toMatchObject({ certificate_id: null, certificate: null });
  expect((await world.api.call("owner", "GET", `/certificates/${certificate}`)).status).toBe(404);
  expect(await world.jobs("certificate.unwanted")).toEqual([{ certificate_id: certificate, revoke: null }]);
  const record = await findCertificate(world.api.db, certificate);
  expect(record).toMatchObject({ keySecretId: null, renewAt: null });
  expect(record?.deletedAt).not.toBeNull();
});

test("it goes with its distribution, and stays while another one is served with it", async () => {
  const zone = world.newName();
  const [one, other] = [await world.distribute(`*.${zone}`, { le_issue: true }), await world.distribute(`www.${zone}`)];
  const { certificate_id: id } = z.object({ certificate_id: z.uuid() }).parse(one.body);
  expect((await world.patch(idIn(other), { certificate_id: id })).status).toBe(200);
  await world.api.call("owner", "DELETE", `/distributions/${idIn(one)}`);
  expect((await world.api.call("owner", "GET", `/certificates/${id}`)).status).toBe(200);
  const last = await world.distribute(world.newName(), { le_issue: true });
  const { certificate_id: lastId } = z.object({ certificate_id: z.uuid() }).parse(last.body);
  await world.api.call("owner", "DELETE", `/distributions/${idIn(last)}`);
  expect((await world.api.call("owner", "GET", `/certificates/${lastId}`)).status).toBe(404);
});

test("versions keep what was decided: a rollback gets a certificate anew, a clone one of its own", async () => {
  const host = world.newName();
  const distribution = idIn(await world.distribute(host, { le_issue: true }));
  await world.patch(distribution, { le_issue: false, label: "without" });
  await world.api.db("outbox").delete();
  const back = await world.api.call("owner", "POST", `/distributions/${distribution}/rollback`, { version: 1 });
  expect(back.body).toMatchObject({ le_issue: true, certificate: { status: "pending" } });
  expect(await world.jobs("certificate.wanted")).toHaveLength(1);
  const clone = await world.api.call("owner", "POST", `/distributions/${distribution}/clone`, {
    domain: world.newName(),
  });
  expect(clone.body).toMatchObject({ le_issue: true, certificate: { status: "pending", is_automatic: true } });
  expect(z.object({ certificate_id: z.uuid() }).parse(clone.body).certificate_id).not.toBe(
    z.object({ certificate_id: z.uuid() }).parse(back.body).certificate_id,
  );

  const [own, only] = [await world.upload("*.example.com"), await world.upload(host)];
  await world.patch(distribution, { le_issue: false, certificate_id: own });
  const covered = { domain: world.newName() };
  expect((await world.api.call("owner", "POST", `/distributions/${distribution}/clone`, covered)).body).toMatchObject({
    certificate_id: own,
  });
  await world.patch(distribution, { certificate_id: only });
  const bare = { domain: world.newName() };
  expect((await world.api.call("owner", "POST", `/distributions/${distribution}/clone`, bare)).body).toMatchObject({
    certificate_id: null,
  });
  const version = z.object({ version: z.int() }).parse(await world.read(`/distributions/${distribution}`)).version;
  await world.patch(distribution, { certificate_id: null });
  expect((await world.api.call("owner", "DELETE", `/certificates/${only}`)).status).toBe(204);
  const gone = await world.api.call("owner", "POST", `/distributions/${distribution}/rollback`, { version });
  expect(faultsIn(gone)[0]).toContain("/certificate_id is no certificate of this account");
});

test("whose name is served for another account waits for its proof, and nothing is asked of an authority", async () => {
  const host = world.newName();
  await world.api.call("stranger", "POST", "/distributions", {
    domain: host,
    origin: { url: "http://127.0.0.1:9000" },
  });
  const made = await world.distribute(host, { le_issue: true });
  expect(made.body).toMatchObject({
    certificate: { status: "pending", status_reason: expect.stringContaining("Prove that it is yours") },
  });
  expect(await world.jobs("certificate.wanted")).toEqual([]);
});

test("one that a distribution is served with is not deleted, nor replaced by one that does not cover it", async () => {
  const host = world.newName();
  const id = await world.upload(host);
  const distribution = idIn(await world.distribute(host, { certificate_id: id }));
  const refused = await world.api.call("owner", "DELETE", `/certificates/${id}`);
  expect([refused.status, JSON.stringify(refused.body)]).toEqual([409, expect.stringContaining(host)]);
  const path = `/certificates/${id}`;
  expect(faultsIn(await world.api.call("owner", "PATCH", path, world.pairFor("other.example.com")))[0]).toContain(
    `/certificate does not cover ${host}, served with the present one`,
  );
  expect(faultsIn(await world.api.call("owner", "PATCH", path, { certificate: world.root }))).toEqual([
    "/private_key is required when another certificate is sent.",
  ]);
  const { fingerprint } = z.object({ fingerprint: z.string() }).parse(await world.read(path));
  const replaced = await world.api.call("owner", "PATCH", path, world.pairFor(host, "more.example.com"));
  expect(replaced.body).toMatchObject({ domains: [host, "more.example.com"].sort(), status: "active" });
  expect(z.object({ fingerprint: z.string() }).parse(replaced.body).fingerprint).not.toBe(fingerprint);
  expect(await world.jobs("certificate.changed")).toContainEqual({ certificate_id: id, after: null });
  await world.patch(distribution, { certificate_id: null });
  expect((await world.api.call("owner", "DELETE", path)).status).toBe(204);
  expect((await world.api.call("owner", "GET", path)).status).toBe(404);
  expect((await world.api.call("owner", "DELETE", path)).status).toBe(404);
});

test("who attaches it and who deletes it take turns: never is a deleted one served with", async () => {
  for (let turn = 0; turn < 5; turn += 1) {
    const host = world.newName();
    const id = await world.upload(host);
    const distribution = idIn(await world.distribute(host));
    const [attached, deleted] = await Promise.all([
      world.patch(distribution, { certificate_id: id }),
      world.api.call("owner", "DELETE", `/certificates/${id}`),
    ]);
    expect([attached.status, deleted.status].sort()).toEqual(attached.status === 200 ? [200, 409] : [204, 422]);
  }
});
