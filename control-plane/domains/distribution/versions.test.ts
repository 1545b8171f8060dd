import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../database/test-database.ts";
import type { Caller } from "../../http/caller.ts";
import { openSecret } from "../secret/index.ts";
import { findDesiredDistribution } from "./index.ts";
import { createTestServices, inputFor, insertPerson } from "./test-customer.ts";

let database: TestDatabase;
let services: ReturnType<typeof createTestServices>;
let owner: Caller;
let stranger: Caller;

beforeAll(async () => {
  database = await createTestDatabase();
  services = createTestServices(database.db);
  [owner, stranger] = [await insertPerson(database.db, "owner"), await insertPerson(database.db, "stranger")];
});
afterAll(() => database.stop());

const page = { before: undefined, limit: 100 };
const bucket = {
  type: "s3",
  s3_type: "aws",
  s3_region: "eu-central-1",
  s3_bucket_name: "shop",
  s3_access_key_id: "AKIAIOSFODNN7EXAMPLE",
};

test("every change is a numbered version with its author and what differs", async () => {
  const { distributions, versions } = services;
  const { record } = await distributions.create(owner, inputFor("versions.example.com"));
  await distributions.update(owner, record.id, { label: "Shop", is_http3: false });
  const listed = await versions.list(owner, record.id, page);
  expect(listed.map(({ number, action, userId }) => ({ number, action, userId }))).toEqual([
    { number: 2, action: "distribution.update", userId: owner.userId },
    { number: 1, action: "distribution.create", userId: owner.userId },
  ]);
  expect(listed[0]?.changes).toEqual([
    { pointer: "/settings/is_http3", before: true, after: false },
    { pointer: "/settings/label", before: "versions.example.com", after: "Shop" },
  ]);
  expect((await distributions.get(owner, record.id)).record.configurationVersion).toBe(2);
});

test("a change that changes nothing makes no version, but the audit log has it", async () => {
  const { distributions, versions } = services;
  const { record } = await distributions.create(owner, inputFor("same.example.com"));
  await distributions.update(owner, record.id, { label: "same.example.com" });
  expect(await versions.list(owner, record.id, page)).toHaveLength(1);
  expect(await database.db("audit_entry").where({ resource_id: record.id }).orderBy("created_at")).toMatchObject([
    { action: "distribution.create", user_id: owner.userId, account_id: owner.accountId },
    { action: "distribution.update", changes: [] },
  ]);
});

test("a rollback brings settings and origins back, with their ids, as a version of its own", async () => {
  const { distributions, origins, versions } = services;
  const first = await distributions.create(owner, inputFor("rollback.example.com", { label: "First" }));
  const { id } = first.record;
  const original = first.origins[0]?.id ?? "";
  await distributions.update(owner, id, { label: "Second", cors: null });
  const added = await origins.add(owner, id, originInputOf({ url: "https://two.example.com", is_primary: true }));
  await origins.remove(owner, { id, originId: original });

  const back = await versions.rollBack(owner, id, 1);
  expect(back.record).toMatchObject({ label: "First", configurationVersion: 5 });
  expect(back.origins).toMatchObject([{ id: original, url: "http://127.0.0.1:9000", isPrimary: true }]);
  expect(await versions.compare(owner, id, { from: 1, to: 5 })).toEqual([]);
  expect(await versions.compare(owner, id, { from: 4, to: 5 })).toContainEqual(
    expect.objectContaining({ pointer: `/origins/${added.id}`, before: expect.anything() }),
  );
  await expect(versions.rollBack(owner, id, 9)).rejects.toMatchObject({ kind: { status: 404 } });
  expect(await findDesiredDistribution(database.db, id)).toMatchObject({ sourceVersion: expect.any(Number) });
});

test("versions of a foreign distribution look absent", async () => {
  const { distributions, versions } = services;
  const { record } = await distributions.create(owner, inputFor("foreign-versions.example.com"));
  for (const attempt of [
    () => versions.list(stranger, record.id, page),
    () => versions.get(stranger, record.id, 1),
    () => versions.rollBack(stranger, record.id, 1),
  ]) {
    await expect(attempt()).rejects.toMatchObject({ kind: { type: "urn:edgewright:problem:unknown-distribution" } });
  }
});

test("a bucket's secret is kept apart, sealed, by an id that versions may show", async () => {
  const { distributions, origins, versions, seal } = services;
  const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  const created = await distributions.create(
    owner,
    inputFor("bucket.example.com", { origin: { ...bucket, s3_secret_key: secret } }),
  );
  const [origin] = created.origins;
  const { id } = created.record;
  expect(origin).toMatchObject({ url: "https://shop.s3.eu-central-1.amazonaws.com", s3Style: "virtual", port: 443 });
  const belonging = { accountId: owner.accountId, purpose: "s3_secret_key" } as const;
  expect(await openSecret(database.db, seal, origin?.s3SecretId ?? "", belonging)).toBe(secret);
  const place = { id, originId: origin?.id ?? "" };
  const renamed = await origins.update(owner, place, { label: "Pictures" });
  expect(renamed).toMatchObject({ label: "Pictures", s3SecretId: origin?.s3SecretId });
  await expect(origins.update(owner, place, { s3_access_key_id: "ANOTHERKEY" })).rejects.toMatchObject({
    errors: [{ pointer: "/s3_secret_key" }],
  });
  const replaced = await origins.update(owner, place, { s3_secret_key: "another-secret-key" });
  expect(replaced.s3SecretId).not.toBe(origin?.s3SecretId);
  expect((await versions.rollBack(owner, id, 1)).origins[0]?.s3SecretId).toBe(origin?.s3SecretId);
  const everything = JSON.stringify([
    await database.db("distribution_version"),
    await database.db("audit_entry"),
    await database.db("origin"),
    await database.db("outbox"),
    await database.db("secret"),
  ]);
  expect(everything).not.toContain(secret);
  expect(everything).not.toContain("another-secret-key");
});

test("a clone has the same configuration under another name and other ids", async () => {
  const { distributions } = services;
  const source = await distributions.create(
    owner,
    inputFor("source.example.com", { is_http3: false, host_header: "shop.example.com", description: "The shop" }),
  );
  const clone = await distributions.clone(owner, source.record.id, {
    domain: "clone.example.com",
    domain_type: "custom",
  });
  expect(clone.record).toMatchObject({
    ...{ domain: "clone.example.com", label: "clone.example.com", description: "The shop", status: "pending" },
    ...{ isHttp3: false, hostHeader: "shop.example.com", configurationVersion: 1 },
  });
  expect(clone.record.cname).not.toBe(source.record.cname);
  expect(clone.origins[0]).toMatchObject({ url: "http://127.0.0.1:9000" });
  expect(clone.origins[0]?.id).not.toBe(source.origins[0]?.id);
  await expect(
    distributions.clone(owner, source.record.id, { domain: "source.example.com", domain_type: "custom" }),
  ).rejects.toMatchObject({ kind: { status: 409 } });
});

test("a disabled distribution stays on the edges as disabled, until it is enabled again", async () => {
  const { distributions } = services;
  const { record } = await distributions.create(owner, inputFor("disabled.example.com"));
  expect((await distributions.setEnabled(owner, record.id, false)).record.status).toBe("disabled");
  expect(await findDesiredDistribution(database.db, record.id)).toMatchObject({
    serve: true,
    distribution: { isDisabled: true },
  });
  const again = await distributions.setEnabled(owner, record.id, false);
  expect(again.record.version).toBe(2);
  expect((await distributions.setEnabled(owner, record.id, true)).record).toMatchObject({
    status: "pending",
    version: 3,
    configurationVersion: 1,
  });
});

test("what was deleted can be read, but no longer be changed", async () => {
  const { distributions, versions } = services;
  const { record } = await distributions.create(owner, inputFor("deleted.example.com"));
  expect((await distributions.remove(owner, record.id)).record).toMatchObject({ status: "deleting" });
  expect((await distributions.get(owner, record.id)).record.deletedAt).toBeInstanceOf(Date);
  for (const attempt of [
    () => distributions.update(owner, record.id, { label: "x" }),
    () => distributions.remove(owner, record.id),
    () => distributions.setEnabled(owner, record.id, true),
    () => versions.rollBack(owner, record.id, 1),
  ]) {
    await expect(attempt()).rejects.toMatchObject({ kind: { status: 409 } });
  }
});

function originInputOf(fields: object) {
  const [origin] = [inputFor("x.example.com", { origin: fields }).origin].flat();
  if (origin === undefined) throw new Error("no origin");
  return origin;
}
