import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { directReads } from "../../cache/test-direct.ts";
import { createTestDatabase, type TestDatabase } from "../../database/test-database.ts";
import { inTransaction } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import {
  createDistributionInput,
  type DistributionService,
  findDesiredDistribution,
  recordDeployment,
} from "./index.ts";
import { createDistributionReads, distributionPage } from "./reads.ts";
import { distributionReply, listDistributionsQuery } from "./schema.ts";
import { createTestServices, inputFor, insertPerson } from "./test-customer.ts";

let database: TestDatabase;
let distributions: DistributionService;
let owner: Caller;
let stranger: Caller;

beforeAll(async () => {
  database = await createTestDatabase();
  distributions = createTestServices(database.db).distributions;
  [owner, stranger] = [await insertPerson(database.db, "owner"), await insertPerson(database.db, "stranger")];
});

afterAll(() => database.stop());

async function waitingJobs(distributionId: string): Promise<number> {
  const rows = await database.db("outbox").whereRaw("payload->>'distribution_id' = ?", [distributionId]);
  return rows.length;
}

async function removeWholly(caller: Caller, id: string): Promise<void> {
  await distributions.remove(caller, id);
  await letGo(id);
}

async function letGo(id: string): Promise<void> {
  await inTransaction(database.db, (tx) =>
    recordDeployment(tx, id, { status: "removed", reason: null, at: new Date() }),
  );
}

test("a new distribution is pending, has its origins and leaves one job", async () => {
  const { record, origins } = await distributions.create(owner, inputFor("new.example.com"));
  expect(record).toMatchObject({ status: "pending", label: "new.example.com", version: 1 });
  expect(record.cname).toMatch(/^[0-9a-f]{12}\.cdn\.edgewright\.localhost$/);
  expect(origins).toMatchObject([{ port: 9000, protocol: "http", isPrimary: true, hostHeader: "127.0.0.1:9000" }]);
  expect(await waitingJobs(record.id)).toBe(1);
});

test("all faults of a request come back at once, and nothing is stored", async () => {
  const faulty = inputFor("www.edgewright.localhost", {
    type: "gcore",
    origin: [{ url: "http://169.254.169.254", port: 81 }, { url: "http://[::ffff:169.254.169.254]" }],
  });
  const refused = distributions.create(owner, faulty);
  await expect(refused).rejects.toMatchObject({
    errors: [
      ...[{ pointer: "/type" }, { pointer: "/domain" }],
      ...[{ pointer: "/origin/0/port" }, { pointer: "/origin/0/url" }, { pointer: "/origin/1/url" }],
    ],
  });
  expect(await database.db("distribution").where({ domain: "www.edgewright.localhost" })).toEqual([]);
});

test("what names and URLs have wrong by themselves is told with the faults of all other fields", () => {
  const asked = { domain: "co.uk", origin: [{ url: "ftp://x.example" }, { url: "http://x.example/path" }], label: "" };
  const parsed = createDistributionInput.safeParse({ ...asked, unknown: 1 });
  const told = JSON.stringify(parsed.error?.issues);
  for (const text of ["public suffix", "must not be empty", '"unknown"', "must be a URL", "must end after the host"]) {
    expect(told).toContain(text);
  }
});

test("an account claims a name once; a second account waits for it and serves its own cname meanwhile", async () => {
  const first = await distributions.create(owner, inputFor("claimed.example.com"));
  await expect(distributions.create(owner, inputFor("claimed.example.com"))).rejects.toMatchObject({
    kind: { status: 409 },
  });
  const second = await distributions.create(stranger, inputFor("claimed.example.com"));
  expect(second.record.statusReason).toContain("another account");
  expect(second.record.statusReason).not.toContain(first.record.accountId);
  expect(await findDesiredDistribution(database.db, second.record.id)).toMatchObject({
    distribution: { hosts: [second.record.cname] },
  });
});

test("when the first claim goes, the name passes on only after the edges have let go of it", async () => {
  const first = await distributions.create(owner, inputFor("passed-on.example.com"));
  const second = await distributions.create(stranger, inputFor("passed-on.example.com"));
  await distributions.remove(owner, first.record.id);
  expect(await findDesiredDistribution(database.db, second.record.id)).toMatchObject({
    distribution: { hosts: [second.record.cname] },
  });
  await letGo(first.record.id);
  expect(await findDesiredDistribution(database.db, second.record.id)).toMatchObject({
    distribution: { hosts: ["passed-on.example.com", second.record.cname] },
    sourceVersion: 2,
  });
  expect(await waitingJobs(second.record.id)).toBe(2);
});

test("two first claims at once: one serves, the other waits", async () => {
  const rivals = await Promise.all([
    distributions.create(owner, inputFor("race.example.com")),
    distributions.create(stranger, inputFor("race.example.com")),
  ]);
  const reasons = rivals.map(({ record }) => record.statusReason);
  expect(reasons.filter((reason) => reason === null)).toHaveLength(1);
});

test("a foreign distribution looks absent, to read, change and remove", async () => {
  const { record } = await distributions.create(owner, inputFor("foreign.example.com"));
  for (const attempt of [
    () => distributions.get(stranger, record.id),
    () => distributions.update(stranger, record.id, { label: "mine" }),
    () => distributions.remove(stranger, record.id),
    () => distributions.get(owner, randomUUID()),
  ]) {
    await expect(attempt()).rejects.toMatchObject({ kind: { type: "urn:edgewright:problem:unknown-distribution" } });
  }
  expect((await distributions.get(owner, record.id)).record.label).toBe("foreign.example.com");
});

test("a merge patch changes what it names, raises the version and leaves a job", async () => {
  const { record } = await distributions.create(
    owner,
    inputFor("patched.example.com", { host_header: "a.example.com" }),
  );
  const patched = await distributions.update(owner, record.id, {
    label: "Shop",
    host_header: null,
    origin: [
      createDistributionInput.shape.origin.parse({ url: "https://one.example.com" }),
      createDistributionInput.shape.origin.parse({ url: "https://two.example.com", is_primary: true }),
    ].flat(),
  });
  expect(patched.record).toMatchObject({ label: "Shop", hostHeader: "", version: 2, domain: "patched.example.com" });
  expect(patched.origins.map(({ url }) => url)).toEqual(["https://two.example.com", "https://one.example.com"]);
  expect(await waitingJobs(record.id)).toBe(2);
});

test("a change that is refused under the lock leaves everything as it was", async () => {
  const { record } = await distributions.create(owner, inputFor("unchanged.example.com"));
  const refuse = () => {
    throw new Error("it has changed since");
  };
  await expect(distributions.update(owner, record.id, { label: "late" }, refuse)).rejects.toThrow("changed since");
  await expect(distributions.remove(owner, record.id, refuse)).rejects.toThrow("changed since");
  expect((await distributions.get(owner, record.id)).record).toMatchObject({
    version: 1,
    label: "unchanged.example.com",
  });
});

test("what is deleted is desired no more, and its name can be claimed again", async () => {
  const { record } = await distributions.create(owner, inputFor("again.example.com"));
  await removeWholly(owner, record.id);
  expect(await findDesiredDistribution(database.db, record.id)).toMatchObject({ serve: false, sourceVersion: 2 });
  const again = await distributions.create(owner, inputFor("again.example.com"));
  expect(again.record.id).not.toBe(record.id);
});

test("once the edges have let go of a deleted one, it and its origins say since when", async () => {
  const { record } = await distributions.create(owner, inputFor("let-go.example.com"));
  const reads = createDistributionReads({ db: database.db, cache: directReads });
  const read = async () => distributionReply.parse(JSON.parse((await reads.get(owner, record.id)).json));
  await distributions.remove(owner, record.id);
  expect(await read()).toMatchObject({ gotipath_deleted_at: null, origin: [{ gotipath_deleted_at: null }] });
  await letGo(record.id);
  const { status, gotipath_deleted_at: since, origin } = await read();
  expect([status, since, origin[0]?.gotipath_deleted_at]).toEqual(["deleted", expect.any(String), since]);
});

test("the deployment's word becomes the status, but never revives what the customer deleted", async () => {
  const { record } = await distributions.create(owner, inputFor("status.example.com"));
  const say = (status: "active" | "failed", reason: string | null) =>
    inTransaction(database.db, (tx) => recordDeployment(tx, record.id, { status, reason, at: new Date() }));
  await say("failed", "the edge refused it");
  expect((await distributions.get(owner, record.id)).record).toMatchObject({
    status: "failed",
    statusReason: "the edge refused it",
  });
  await say("active", null);
  expect((await distributions.get(owner, record.id)).record).toMatchObject({
    status: "active",
    statusReason: null,
    version: 1,
  });
  await distributions.remove(owner, record.id);
  await say("active", null);
  expect(await database.db("distribution").where({ id: record.id }).first()).toMatchObject({ status: "deleting" });
});

test("a subdomain distribution gets a name below the platform's zone", async () => {
  const asked = createDistributionInput.parse({ domain_type: "subdomain", origin: { url: "https://o.example.com" } });
  const { record } = await distributions.create(owner, asked);
  expect(record.domain).toMatch(/^[0-9a-f]{12}\.edgewright\.localhost$/);
  expect(await findDesiredDistribution(database.db, record.id)).toMatchObject({
    distribution: { hosts: [record.domain, record.cname] },
  });
});

test("a list shows the account's own in the order that was asked for, a page at a time", async () => {
  const lister = await insertPerson(database.db, "lister");
  for (const name of ["b", "c", "a"]) await distributions.create(lister, inputFor(`${name}.listed.example.com`));
  await distributions.create(stranger, inputFor("d.listed.example.com"));
  const reads = createDistributionReads({ db: database.db, cache: directReads });
  const listed = async (asked: object) => {
    const { json } = await reads.list(lister, listDistributionsQuery.parse(asked));
    return distributionPage.parse(JSON.parse(json));
  };
  const namesOf = (page: { data: { domain: string }[] }) => page.data.map(({ domain }) => domain.slice(0, 1)).join("");

  const first = await listed({ limit: "2" });
  expect(namesOf(first)).toBe("ac");
  expect(first.data[0]?.origin).toHaveLength(1);
  expect(namesOf(await listed({ limit: "2", cursor: first.next_cursor }))).toBe("b");
  for (const [asked, names] of [
    [{ sort: "domain" }, "abc"],
    [{ sort: "-label" }, "cba"],
    [{ sort: "created_at" }, "bca"],
    [{ search: "B.LISTED" }, "b"],
    [{ search: "%" }, ""],
    [{ domain: "C.listed.example.com" }, "c"],
    [{ status: "active" }, ""],
    [{ acceleration_type: "static", type: "gotipath" }, "acb"],
  ] as const) {
    expect(namesOf(await listed(asked)), JSON.stringify(asked)).toBe(names);
  }
  const byName = await listed({ sort: "domain", limit: "1" });
  await expect(listed({ sort: "created_at", cursor: byName.next_cursor })).rejects.toMatchObject({
    errors: [{ pointer: "?cursor" }],
  });
});

test("an account has as many distributions as it may, also when many are made at once; one that goes makes room", async () => {
  const few = createTestServices(database.db, { distributionsMax: 2 }).distributions;
  const caller = await insertPerson(database.db, "collector");
  const names = ["one", "two", "three", "four"].map((name) => `${name}.collected.example.com`);
  const made = await Promise.allSettled(names.map((name) => few.create(caller, inputFor(name))));
  const kept = made.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value.record.id] : []));
  expect(kept).toHaveLength(2);
  const [first = ""] = kept;
  const full = { kind: { status: 409 }, detail: expect.stringContaining("may have 2 distributions. Delete one") };
  await expect(few.clone(caller, first, { domain: "copy.example.com", domain_type: "custom" })).rejects.toMatchObject(
    full,
  );
  expect(await database.db("domain").where({ account_id: caller.accountId })).toHaveLength(2);
  const another = await insertPerson(database.db, "another");
  expect((await few.create(another, inputFor("another.collected.example.com"))).record.status).toBe("pending");
  await few.remove(caller, first);
  expect((await few.create(caller, inputFor("five.collected.example.com"))).record.status).toBe("pending");
});
