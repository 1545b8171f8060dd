// A changed policy reaches every distribution that uses it, whatever happens on the way.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../database/test-database.ts";
import type { Caller } from "../../http/caller.ts";
import type { JobHandler } from "../../jobs/define-job.ts";
import { cachePolicyChanged, createCachePolicyService } from "../cache-policy/index.ts";
import { cacheRuleInput } from "../rule/index.ts";
import { countDistributionsOfPolicy, findDesiredDistribution, policyChangeHandler } from "./index.ts";
import { createTestServices, inputFor, insertPerson } from "./test-customer.ts";

let database: TestDatabase;
let services: ReturnType<typeof createTestServices>;
let owner: Caller;
let handler: JobHandler;
let policyId: string;
let users: readonly string[];

const rules = [cacheRuleInput.parse({ mode: "override", ttl_seconds: 60 })];

beforeAll(async () => {
  database = await createTestDatabase();
  services = createTestServices(database.db);
  owner = await insertPerson(database.db, "owner");
  handler = policyChangeHandler({ db: database.db, pageSize: 2 });
});
afterAll(() => database.stop());

function policies() {
  return createCachePolicyService({
    db: database.db,
    clock: () => new Date(),
    countUses: countDistributionsOfPolicy,
  });
}

beforeEach(async () => {
  const input = { name: randomUUID(), description: "", rules };
  policyId = (await policies().create(owner, input)).id;
  const created = [];
  for (let index = 0; index < 5; index += 1) created.push(await newDistribution(policyId));
  users = created.sort();
  await database.db("outbox").delete();
});

async function newDistribution(cachePolicyId: string | null): Promise<string> {
  const domain = `${randomUUID()}.example.com`;
  const input = inputFor(domain, { cache_policy_id: cachePolicyId });
  return (await services.distributions.create(owner, input)).record.id;
}

async function versionsOf(ids: readonly string[]): Promise<readonly number[]> {
  const rows = await database
    .db("distribution")
    .select("version")
    .whereIn("id", [...ids])
    .orderBy("id");
  return rows.map((row) => Number(row.version));
}

async function waiting(job: string): Promise<readonly { id: string; payload: { distribution_id?: string } }[]> {
  return database.db("outbox").where({ job });
}

/** What relay and worker do with the policy's jobs: each is run, and deleted when it is done. */
async function runPolicyJobs(): Promise<number> {
  let done = 0;
  for (;;) {
    const [job] = await waiting(cachePolicyChanged.name);
    if (job === undefined) return done;
    await handler.run(job.payload, AbortSignal.timeout(10_000));
    await database.db("outbox").where({ id: job.id }).delete();
    done += 1;
  }
}

test("new rules raise every version once, page by page, and leave a job for each; others stay as they are", async () => {
  const [another, deleted] = [await newDistribution(null), await newDistribution(policyId)];
  await services.distributions.remove(owner, deleted);
  await database.db("outbox").delete();
  const [before, others] = [await versionsOf(users), await versionsOf([another, deleted])];
  await policies().update(owner, policyId, { rules: [...rules, cacheRuleInput.parse({ mode: "bypass" })] });
  expect(await runPolicyJobs()).toBe(3);
  expect(await versionsOf(users)).toEqual(before.map((version) => version + 1));
  expect(await versionsOf([another, deleted])).toEqual(others);
  const jobs = await waiting("distribution.changed");
  expect(jobs.map(({ payload }) => payload.distribution_id).sort()).toEqual(users);
  expect(await findDesiredDistribution(database.db, users[0] ?? "")).toMatchObject({
    distribution: { cacheRules: [{ mode: "override", ttlSeconds: 60 }, { mode: "bypass" }] },
  });
});

test("a name that changes deploys nothing", async () => {
  await policies().update(owner, policyId, { name: `${randomUUID()} anew`, description: "Other words" });
  expect(await runPolicyJobs()).toBe(0);
});

test("cut off in the middle of a page, the job does that page again as a whole and goes on to the last", async () => {
  const before = await versionsOf(users);
  await policies().update(owner, policyId, { rules: [] });
  const third = users[2];
  await database.db.raw(`create function fail_here() returns trigger language plpgsql as
    $$ begin if new.payload->>'distribution_id' = '${third}' then raise exception 'cut off'; end if; return new; end $$`);
  await database.db.raw("create trigger cut_off before insert on outbox for each row execute function fail_here()");
  await expect(runPolicyJobs()).rejects.toThrow("cut off");
  expect(await versionsOf(users)).toEqual(before.map((version, index) => (index < 2 ? version + 1 : version)));
  await database.db.raw("drop trigger cut_off on outbox");
  await runPolicyJobs();
  expect(await versionsOf(users)).toEqual(before.map((version) => version + 1));
});

test("a job that comes twice does no harm", async () => {
  await handler.run({ cache_policy_id: policyId, after: null }, AbortSignal.timeout(10_000));
  await handler.run({ cache_policy_id: policyId, after: null }, AbortSignal.timeout(10_000));
  await runPolicyJobs();
  const jobs = await waiting("distribution.changed");
  expect(new Set(jobs.map(({ payload }) => payload.distribution_id))).toEqual(new Set(users));
});

test("a policy that nobody uses any more, or that is gone, leaves nothing to do", async () => {
  await handler.run({ cache_policy_id: randomUUID(), after: null }, AbortSignal.timeout(10_000));
  expect(await waiting("distribution.changed")).toEqual([]);
});

test("a policy that is being named is not deleted underneath: of the two, one comes too late", async () => {
  for (let round = 0; round < 10; round += 1) {
    const { id } = await policies().create(owner, { name: randomUUID(), description: "", rules });
    const outcomes = await Promise.allSettled([newDistribution(id), policies().remove(owner, id)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  }
});

test("a rollback to a policy that is gone says so", async () => {
  const { distributions, versions } = services;
  const { id } = await policies().create(owner, { name: randomUUID(), description: "", rules });
  const distributionId = await newDistribution(id);
  await distributions.update(owner, distributionId, { cache_policy_id: null });
  await policies().remove(owner, id);
  await expect(versions.rollBack(owner, distributionId, 1)).rejects.toMatchObject({
    errors: [{ pointer: "/cache_policy_id", detail: expect.stringContaining("no longer") }],
  });
});
