// What many tenants on one platform may expect of each other's purges and prefetches: real Postgres, real Redis.
import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTestRedis, type TestService } from "../../../platform/embedded/test-services.ts";
import { inTransaction } from "../../database/transaction.ts";
import { createBudget } from "../../http/budget.ts";
import type { Caller } from "../../http/caller.ts";
import { createTestWorld, log, type TestWorld } from "../deployment/test-world.ts";
import { inputFor, insertPerson } from "../distribution/test-customer.ts";
import { createPrefetchService } from "../prefetch/index.ts";
import { lockWaiting as lockWaitingPrefetches } from "../prefetch/store.ts";
import { createPurgeService } from "./service.ts";
import { lockWaiting } from "./store.ts";

interface Tenant {
  readonly caller: Caller;
  readonly distributionId: string;
}

let world: TestWorld;
let redisServer: TestService;
let redis: Redis;

beforeAll(async () => {
  [world, redisServer] = await Promise.all([createTestWorld(), startTestRedis()]);
  redis = new Redis(redisServer.url);
});
afterAll(async () => {
  redis?.disconnect();
  await redisServer?.stop();
  await world?.stop();
});
beforeEach(() => world.db.raw("truncate purge, purge_head, prefetch cascade"));

async function newTenant(): Promise<Tenant> {
  const caller = await insertPerson(world.db, randomUUID());
  const { record } = await world.distributions.create(caller, inputFor(`${randomUUID()}.example.com`));
  return { caller, distributionId: record.id };
}

/** As if a tenant had asked for so many and no worker had come yet; oldest first. */
async function waiting(table: "purge" | "prefetch", { distributionId }: Tenant, count: number): Promise<void> {
  const [columns, values] =
    table === "purge"
      ? ["epoch, type, items, marks, bytes", `n, 'urls', '["/a"]', 1, 100`]
      : ["urls", `'["http://www.example.com/a"]'`];
  await world.db.raw(
    `insert into ${table} (id, distribution_id, created_at, ${columns})
     select gen_random_uuid(), ?, now() - interval '1 day' + n * interval '1 ms', ${values} from generate_series(1, ?) n`,
    [distributionId, count],
  );
}

describe.each([
  { table: "purge", lock: lockWaiting },
  { table: "prefetch", lock: lockWaitingPrefetches },
] as const)("a $table", ({ table, lock }) => {
  const ownersOf = async (ids: readonly string[]): Promise<string[]> =>
    world.db(table).whereIn("id", ids).pluck("distribution_id");

  test("is in the next batch, however many another account has waiting", async () => {
    const [many, few] = [await newTenant(), await newTenant()];
    await waiting(table, many, 5_000);
    await waiting(table, few, 3);
    const batch = await inTransaction(world.db, (tx) => lock(tx, 50));
    const owners = await ownersOf(batch.map(({ id }) => id));
    expect(batch).toHaveLength(50);
    expect(owners.filter((id) => id === few.distributionId)).toHaveLength(3);
    // As the turns of accounts are: where a batch has no room for all, nobody's first is left out for another's second.
    expect(await ownersOf(batch.slice(0, 2).map(({ id }) => id))).toEqual(
      expect.arrayContaining([many.distributionId, few.distributionId]),
    );
  });

  test("that one worker has in hand is passed over by the next, which takes others", async () => {
    await waiting(table, await newTenant(), 100);
    const taken = await world.db.transaction(async (one) => {
      const first = await lock(one, 60);
      return [first, await world.db.transaction((other) => lock(other, 60))].map((batch) => batch.map(({ id }) => id));
    });
    expect(taken.map((ids) => ids.length)).toEqual([60, 40]);
    expect(new Set(taken.flat()).size).toBe(100);
  });
});

describe("an account's budget", () => {
  const budgetOf = (name: string, perMinute: number) =>
    createBudget({ redis, log }, { name, perMinute, things: "URLs" });

  test("ends purges of more than it, with when to ask again, and nobody else's", async () => {
    const purges = createPurgeService({ ...world, budget: budgetOf(randomUUID(), 5) });
    const [one, other] = [await newTenant(), await newTenant()];
    const purge = ({ caller, distributionId }: Tenant, urls: string[]) =>
      purges.request(caller, distributionId, { urls });
    await purge(one, ["/a", "/b", "/c"]);
    await purge(one, ["/d", "/d", "/e"]);
    const refused = await purge(one, ["/f"]).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      kind: { status: 429 },
      detail: expect.stringMatching(/^An account may have 5 URLs in a minute\. Ask again in \d+ s/),
      headers: { "retry-after": expect.stringMatching(/^\d+$/) },
    });
    await expect(purges.request(one.caller, one.distributionId, { all: true })).rejects.toMatchObject({
      kind: { status: 429 },
    });
    expect(await world.db("purge").where({ distribution_id: one.distributionId })).toHaveLength(2);
    expect((await purge(other, ["/a"])).type).toBe("urls");
  });

  test("ends prefetches, too", async () => {
    const prefetches = createPrefetchService({ ...world, budget: budgetOf(randomUUID(), 2) });
    const { caller, distributionId } = await newTenant();
    await prefetches.request(caller, distributionId, { urls: ["/a", "/b"] });
    await expect(prefetches.request(caller, distributionId, { urls: ["/c"] })).rejects.toMatchObject({
      kind: { status: 429 },
    });
    expect(await world.db("prefetch").where({ distribution_id: distributionId })).toHaveLength(1);
  });

  test("is one, whichever process is asked", async () => {
    const name = randomUUID();
    const account = randomUUID();
    await budgetOf(name, 5).spend(account, 4);
    await expect(budgetOf(name, 5).spend(account, 2)).rejects.toMatchObject({ kind: { status: 429 } });
  });
});
