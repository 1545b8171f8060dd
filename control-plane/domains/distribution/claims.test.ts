import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../database/test-database.ts";
import { inTransaction } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { findNameSharers, lockClaimsOn, updateClaim } from "./claim-store.ts";
import { moveClaim } from "./claims.ts";
import { type DistributionService, findDesiredDistribution, findForeignClaim, recordDeployment } from "./index.ts";
import { createTestServices, inputFor, insertPerson } from "./test-customer.ts";

let database: TestDatabase;
let distributions: DistributionService;
let owner: Caller;
let stranger: Caller;
let names = 0;
let name: string;

beforeAll(async () => {
  database = await createTestDatabase();
  distributions = createTestServices(database.db).distributions;
  [owner, stranger] = [await insertPerson(database.db, "owner"), await insertPerson(database.db, "stranger")];
});
afterAll(() => database?.stop());
beforeEach(() => {
  names += 1;
  name = `www.claim${names}.example.com`;
});

const create = async (caller: Caller, domain = name) => (await distributions.create(caller, inputFor(domain))).record;
const read = async (caller: Caller, id: string) => (await distributions.get(caller, id)).record;

async function servedHosts(id: string): Promise<readonly string[]> {
  const desired = await findDesiredDistribution(database.db, id);
  return desired?.serve === true ? desired.distribution.hosts : [];
}

/** To the claim of this distribution. */
async function move(domain: string, distributionId: string): Promise<void> {
  await inTransaction(database.db, async (tx) => {
    const claims = await lockClaimsOn(tx, domain);
    const winnerId = claims.find((claim) => claim.distributionId === distributionId)?.id;
    await moveClaim(tx, { claims, winnerId, now: new Date() });
  });
}

const outcome = (id: string, status: "active" | "removed") =>
  inTransaction(database.db, (tx) => recordDeployment(tx, id, { status, reason: null, at: new Date() }));

test("a name that moves is served for one alone; who lost it has failed, with a reason that names nobody", async () => {
  const [first, second] = [await create(owner), await create(stranger)];
  await move(name, second.id);
  expect(await servedHosts(first.id)).toEqual([first.cname]);
  expect(await servedHosts(second.id)).toEqual([name, second.cname]);
  const loser = await read(owner, first.id);
  expect(loser).toMatchObject({ status: "failed", version: 2, configurationVersion: 1 });
  for (const told of [stranger.accountId, second.id, second.cname, "stranger"]) {
    expect(loser.statusReason).not.toContain(told);
  }
  expect(await read(stranger, second.id)).toMatchObject({ status: "pending", statusReason: null, version: 2 });
  const jobs = await database.db("outbox").where({ job: "distribution.changed" });
  for (const { id } of [first, second]) {
    expect(jobs.filter(({ payload }) => payload.distribution_id === id)).toHaveLength(2);
  }
});

test("who lost a name stays failed however well the edges serve the rest, until the name is back", async () => {
  const [first, second] = [await create(owner), await create(stranger)];
  await move(name, second.id);
  await outcome(first.id, "active");
  await outcome(second.id, "active");
  expect((await read(owner, first.id)).status).toBe("failed");
  expect(await read(stranger, second.id)).toMatchObject({ status: "active", statusReason: null });
  await move(name, first.id);
  await outcome(first.id, "active");
  expect(await read(owner, first.id)).toMatchObject({ status: "active", statusReason: null });
  expect((await read(stranger, second.id)).status).toBe("failed");
});

test("edges are told at once of those between whom a name moved, the one that has it last", async () => {
  const [first, second] = [await create(owner), await create(stranger)];
  const third = await create(await insertPerson(database.db, `third${names}`));
  const sharers = (id: string) => findNameSharers(database.db, id);
  expect(await sharers(first.id)).toEqual([first.id]);
  expect(await sharers(third.id)).toEqual([third.id]);
  await move(name, second.id);
  for (const { id } of [first, second]) expect(await sharers(id)).toEqual([first.id, second.id]);
  await move(name, first.id);
  for (const { id } of [first, second]) expect(await sharers(id)).toEqual([second.id, first.id]);
  expect(await sharers(third.id)).toEqual([third.id]);
});

test("a distribution that its customer disabled stays so when its name moves", async () => {
  const [first, second] = [await create(owner), await create(stranger)];
  await distributions.setEnabled(owner, first.id, false);
  await move(name, second.id);
  expect((await read(owner, first.id)).status).toBe("disabled");
  expect(await servedHosts(first.id)).toEqual([first.cname]);
});

test("a name under a wildcard that serves another account waits; under one's own it serves", async () => {
  const wildcard = name.replace("www", "*");
  const over = await create(owner, wildcard);
  const [foreign, own] = [await create(stranger), await create(owner, name.replace("www", "own"))];
  expect(await servedHosts(foreign.id)).toEqual([foreign.cname]);
  expect(foreign.statusReason).toContain("another account");
  expect(own.statusReason).toBeNull();
  expect(await findForeignClaim(database.db, { accountId: stranger.accountId, name })).toMatchObject({
    name: wildcard,
  });
  expect(await findForeignClaim(database.db, { accountId: owner.accountId, name })).toBeUndefined();

  await database.db("outbox").delete();
  await distributions.remove(owner, over.id);
  await outcome(over.id, "removed");
  expect(await database.db("outbox").where({ job: "distribution.domain-claimed" })).toMatchObject([
    { payload: { domain_id: foreign.domainId } },
  ]);
});

test("of those who wait for a name that is given up, the best proven gets it", async () => {
  const third = await insertPerson(database.db, `fourth${names}`);
  const [first, second, proven] = [await create(owner), await create(stranger), await create(third)];
  await inTransaction(database.db, (tx) => updateClaim(tx, proven.domainId ?? "", { proof: "token" }));
  await distributions.remove(owner, first.id);
  await outcome(first.id, "removed");
  expect(await servedHosts(proven.id)).toEqual([name, proven.cname]);
  expect(await servedHosts(second.id)).toEqual([second.cname]);
});
