// What an account that is over its quota has is cut off, whatever its people decide meanwhile: over HTTP, through the caches.
import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { startTestRedis, type TestService } from "../../../platform/embedded/test-services.ts";
import { createLogger } from "../../../platform/log.ts";
import { type Cache, openCache } from "../../cache/cache.ts";
import { inTransaction } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { cutOffHandler, findDesiredDistribution, setCutOff } from "./index.ts";
import { startTestApi, type TestApi } from "./test-api.ts";
import { inputFor } from "./test-customer.ts";

const PAGE_SIZE = 2;
const JOB = "distribution.account-cut-off";

let redis: TestService;
let cache: Cache | undefined;
let api: TestApi;
let owner: Caller;

beforeAll(async () => {
  redis = await startTestRedis();
  const log = createLogger({ role: "test", level: "silent" });
  api = await startTestApi(({ db, url }) => {
    const settings = { databaseUrl: url, redisUrl: redis.url, reads: "cached", registry: new Registry(), log } as const;
    cache = openCache({ db, ...settings });
    return cache;
  });
  owner = api.people.owner;
  await vi.waitFor(() => expect(cache?.isLive()).toBe(true), 15_000);
});
afterAll(async () => {
  await cache?.part.stop();
  await api.stop();
  await redis.stop();
});
beforeEach(async () => {
  await setCut(false);
  await api.db("outbox").delete();
});

async function newDistribution(domain: string, caller = owner): Promise<string> {
  return (await api.services.distributions.create(caller, inputFor(domain))).record.id;
}

const jobRow = z.object({ id: z.uuid(), payload: z.unknown() });

/** What relay and worker do, until nothing of it is left. */
async function redeployAll(): Promise<number> {
  const handler = cutOffHandler({ db: api.db, pageSize: PAGE_SIZE });
  for (let done = 0; ; done += 1) {
    const row = jobRow.optional().parse(await api.db("outbox").where({ job: JOB }).first());
    if (row === undefined) return done;
    await handler.run(row.payload, AbortSignal.timeout(10_000));
    await api.db("outbox").where({ id: row.id }).delete();
  }
}

async function setCut(isCutOff: boolean): Promise<void> {
  const { accountId } = owner;
  await inTransaction(api.db, (tx) => setCutOff(tx, { accountId, isCutOff, now: new Date() }));
  await redeployAll();
}

const standingSchema = z.object({ status: z.string(), status_reason: z.string().nullable(), is_cut_off: z.boolean() });

async function read(id: string) {
  return standingSchema.parse((await api.call("owner", "GET", `/distributions/${id}`)).body);
}

async function listed(status: string): Promise<readonly string[]> {
  const { body } = await api.call("owner", "GET", `/distributions?status=${status}&limit=100`);
  return z
    .object({ data: z.array(z.object({ id: z.uuid() })) })
    .parse(body)
    .data.map(({ id }) => id);
}

async function onEdges(id: string) {
  const desired = await findDesiredDistribution(api.db, id);
  return desired?.serve === true && [desired.distribution.isDisabled, desired.distribution.isOverQuota];
}

test("all that the account has reads as disabled, with the reason, and is deployed so; nothing of others is", async () => {
  const [mine, another] = [await newDistribution("mine.example.com"), await newDistribution("another.example.com")];
  const foreign = await newDistribution("foreign.example.com", api.people.stranger);
  expect(await read(mine)).toEqual({ status: "pending", status_reason: null, is_cut_off: false });
  await api.db("outbox").delete();
  await setCut(true);
  for (const id of [mine, another]) {
    const reason = expect.stringContaining("over its quota");
    expect(await read(id)).toEqual({ status: "disabled", status_reason: reason, is_cut_off: true });
    expect(await onEdges(id)).toEqual([true, true]);
  }
  expect(await onEdges(foreign)).toEqual([false, false]);
  const deployed = await api.db("outbox").where({ job: "distribution.changed" }).pluck("payload");
  expect(deployed).toEqual(expect.arrayContaining([{ distribution_id: mine }, { distribution_id: another }]));
  expect(deployed).not.toContainEqual({ distribution_id: foreign });
});

test("nobody in it gets around that: what is enabled, changed or created meanwhile is cut off too", async () => {
  const id = await newDistribution("around.example.com");
  await setCut(true);
  const created = await newDistribution("created.example.com");
  for (const path of [`/distributions/${id}/enable`, `/distributions/${id}/disable`, `/distributions/${id}/enable`]) {
    expect((await api.call("owner", "POST", path)).body).toMatchObject({ status: "disabled", is_cut_off: true });
  }
  await api.call("owner", "PATCH", `/distributions/${id}`, { label: "Anew" });
  const clone = await api.call("owner", "POST", `/distributions/${id}/clone`, { domain: "clone.example.com" });
  expect([clone.status, clone.body]).toMatchObject([201, { status: "disabled", is_cut_off: true }]);
  for (const one of [id, created, z.object({ id: z.uuid() }).parse(clone.body).id]) {
    expect(await onEdges(one)).toEqual([true, true]);
  }
});

test("afterwards each is what its owner had decided: what was disabled before or meanwhile stays so", async () => {
  const [before, meanwhile, never] = [
    await newDistribution("before.example.com"),
    await newDistribution("meanwhile.example.com"),
    await newDistribution("never.example.com"),
  ];
  await api.call("owner", "POST", `/distributions/${before}/disable`);
  await setCut(true);
  await api.call("owner", "POST", `/distributions/${meanwhile}/disable`);
  await setCut(false);
  for (const id of [before, meanwhile]) {
    expect(await read(id)).toEqual({ status: "disabled", status_reason: null, is_cut_off: false });
    expect(await onEdges(id)).toEqual([true, false]);
  }
  expect(await read(never)).toMatchObject({ status: "pending", is_cut_off: false });
  expect(await onEdges(never)).toEqual([false, false]);
});

test("lists find by the status that is shown", async () => {
  const [id, deleted] = [await newDistribution("listed.example.com"), await newDistribution("gone.example.com")];
  await api.call("owner", "DELETE", `/distributions/${deleted}`);
  expect(await listed("pending")).toContain(id);
  expect(await listed("disabled")).not.toContain(id);
  await setCut(true);
  expect(await listed("pending")).toEqual([]);
  expect(await listed("disabled")).toContain(id);
  expect(await listed("disabled")).not.toContain(deleted);
  expect(await listed("deleting")).toContain(deleted);
  expect(await read(deleted)).toMatchObject({ status: "deleting", is_cut_off: false });
});

test("a worker that is killed in the middle of a page does that page again, and goes on to the last", async () => {
  const ids = [];
  for (const name of ["a", "b", "c", "d", "e"]) ids.push(await newDistribution(`killed-${name}.example.com`));
  await api.db("outbox").delete();
  const third = [...ids].sort()[2];
  await api.db.raw(`create function fail_here() returns trigger language plpgsql as
    $$ begin if new.payload->>'distribution_id' = '${third}' then raise exception 'killed'; end if; return new; end $$`);
  await api.db.raw("create trigger killed before insert on outbox for each row execute function fail_here()");
  await expect(setCut(true)).rejects.toThrow("killed");
  await api.db.raw("drop trigger killed on outbox");
  await redeployAll();
  const deployed: { distribution_id: string }[] = await api
    .db("outbox")
    .where({ job: "distribution.changed" })
    .pluck("payload");
  expect(deployed.map(({ distribution_id: id }) => id)).toEqual(expect.arrayContaining(ids));
  for (const id of ids) expect(await onEdges(id)).toEqual([true, true]);
});
