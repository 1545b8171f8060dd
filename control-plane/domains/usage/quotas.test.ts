// Quotas: what operators set, what accounts are told, and who is cut off when, in the course of months.
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import type { Caller } from "../../http/caller.ts";
import { startTestReceiver } from "../notification/test-receiver.ts";
import { monthOf, periodOf } from "./month.ts";
import { LAST_MONTH, openUsageWorld, type UsageWorld } from "./test-world.ts";

const { from, to } = periodOf(LAST_MONTH);
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const CHECK = "usage.check-quotas";
const WAIT = { timeout: 15_000, interval: 20 };

let world: UsageWorld;
let owner: Caller;
let name: string;

beforeAll(async () => {
  world = await openUsageWorld({
    user: { requests: null, bytes: null },
    premium: { requests: 50, bytes: null },
    cutsOff: true,
  });
  await world.operator("operator");
});
afterAll(() => world.stop());
beforeEach(async (context) => {
  name = `owner-${context.task.id}`;
  owner = await world.account(name);
  world.setTime(new Date(from.getTime() + 10 * DAY_MS));
});

async function setQuota(quota: object): Promise<void> {
  const { status, body } = await world.call("operator", "PUT", `/platform/quotas/${owner.accountId}`, quota);
  expect(status, JSON.stringify(body)).toBe(200);
}

/** A moment ago. */
async function spend(bytes: number, requests = 1): Promise<void> {
  await world.visit([{ accountId: owner.accountId, time: new Date(world.clock().getTime() - 1), bytes, requests }]);
}

async function told(): Promise<readonly [event: string, metric: unknown, isCutOff: unknown][]> {
  const rows = await world.db("notification").where({ account_id: owner.accountId }).orderBy("created_at");
  return rows.map(({ event, details }) => [event, details.metric, details.is_cut_off]);
}

async function cutOffAt(): Promise<string | null> {
  const { body } = await world.call(name, "GET", "/quota");
  return z.object({ cut_off_at: z.string().nullable() }).parse(body).cut_off_at;
}

test("an account is warned at 80 % and at 100 %, each once, and served as before", async () => {
  await setQuota({ requests: null, bytes: 1000 });
  await spend(799);
  await world.doJob(CHECK);
  expect(await told()).toEqual([]);
  await spend(1);
  for (let look = 0; look < 3; look += 1) await world.doJob(CHECK);
  expect(await told()).toEqual([["usage.warning", "bytes", false]]);
  await spend(200);
  for (let look = 0; look < 3; look += 1) await world.doJob(CHECK);
  expect(await told()).toEqual([
    ["usage.warning", "bytes", false],
    ["usage.exceeded", "bytes", false],
  ]);
  expect(await cutOffAt()).toBeNull();
  expect((await world.call(name, "GET", "/quota")).body).toMatchObject({
    ...{ month: LAST_MONTH, source: "account", cuts_off: false },
    ...{ requests: { limit: null, used: 3 }, bytes: { limit: 1000, used: 1000 } },
  });
});

test("two accounts read of their own quota alone, and what they used themselves", async () => {
  const other = await world.account(`${name}-other`);
  await setQuota({ requests: null, bytes: 10_000 });
  await spend(700, 3);
  const time = new Date(world.clock().getTime() - 1);
  await world.visit([{ accountId: other.accountId, time, bytes: 41, requests: 2 }]);
  const [own, others] = [name, `${name}-other`].map((who) => world.call(who, "GET", "/quota"));
  expect((await own)?.body).toEqual({
    ...{ month: LAST_MONTH, source: "account", cuts_off: false, cut_off_at: null },
    ...{ requests: { limit: null, used: 3 }, bytes: { limit: 10_000, used: 2100 } },
  });
  expect((await others)?.body).toEqual({
    ...{ month: LAST_MONTH, source: "default", cuts_off: true, cut_off_at: null },
    ...{ requests: { limit: null, used: 2 }, bytes: { limit: null, used: 82 } },
  });
  expect((await world.call(`${name}-other`, "GET", `/platform/quotas/${owner.accountId}`)).status).toBe(403);
});

test("who is over at once hears of that alone, and of each limit by itself", async () => {
  await setQuota({ requests: 10, bytes: 1000 });
  await spend(1200, 8);
  await world.doJob(CHECK);
  expect((await told()).map(([event, metric]) => `${event} ${metric}`).sort()).toEqual([
    "usage.exceeded bytes",
    "usage.warning requests",
  ]);
});

test("a quota that cuts off does so until it is raised; of the raised one the account is warned anew", async () => {
  await setQuota({ requests: null, bytes: 1000, cuts_off: true });
  await spend(1000);
  await world.doJob(CHECK);
  expect(await cutOffAt()).toBe(world.clock().toISOString());
  expect(await told()).toEqual([["usage.exceeded", "bytes", true]]);
  world.told.passTime(MINUTE_MS);
  await setQuota({ requests: null, bytes: 1250, cuts_off: true });
  await world.doOwnJobs();
  expect(await cutOffAt()).toBeNull();
  expect((await told()).slice(1)).toEqual([["usage.warning", "bytes", false]]);
  await setQuota({ requests: null, bytes: 900, cuts_off: true });
  await world.doOwnJobs();
  expect(await cutOffAt()).not.toBeNull();
  await world.call("operator", "DELETE", `/platform/quotas/${owner.accountId}`);
  await world.doOwnJobs();
  expect(await cutOffAt()).toBeNull();
  const deeds = await world.db("audit_entry").where({ account_id: owner.accountId }).orderBy("created_at");
  expect(deeds.map(({ action }) => action)).toEqual([
    ...["quota.set", "account.cut-off", "quota.set", "account.restore"],
    ...["quota.set", "account.cut-off", "quota.delete", "account.restore"],
  ]);
});

test("an account that was over before its quota began to cut off hears of that, too", async () => {
  await setQuota({ requests: null, bytes: 1000 });
  await spend(1000);
  await world.doJob(CHECK);
  await setQuota({ requests: null, bytes: 1000, cuts_off: true });
  await world.doOwnJobs();
  expect(await told()).toEqual([
    ["usage.exceeded", "bytes", false],
    ["usage.exceeded", "bytes", true],
  ]);
});

test("the month turns in UTC: nothing of the old one counts in the new one, and what was cut off is served", async () => {
  const { accountId } = owner;
  await setQuota({ requests: null, bytes: 1000, cuts_off: true });
  world.setTime(new Date(to.getTime() - 1));
  await world.visit([{ accountId, time: new Date(to.getTime() - 2), bytes: 5000 }]);
  await world.doJob(CHECK);
  expect(await cutOffAt()).not.toBeNull();
  world.setTime(to);
  await world.doJob(CHECK);
  expect(await cutOffAt()).toBeNull();
  // Lines of the old month that come later change nothing.
  await world.visit([{ accountId, time: new Date(to.getTime() - 1), bytes: 5000 }]);
  await world.visit([{ accountId, time: to, bytes: 800 }]);
  world.setTime(new Date(to.getTime() + MINUTE_MS));
  await world.doJob(CHECK);
  expect(await cutOffAt()).toBeNull();
  const [, warning] = await world.db("notification").where({ account_id: accountId }).orderBy("created_at");
  expect(warning).toMatchObject({ event: "usage.warning", details: { month: monthOf(to), used: 800 } });
});

test("a look that is still at it when the month turns cuts nobody off", async () => {
  await setQuota({ requests: null, bytes: 1000, cuts_off: true });
  world.setTime(new Date(to.getTime() - 1));
  await spend(5000);
  const lock = await world.db.transaction();
  await lock("account").where({ id: owner.accountId }).forUpdate().first();
  const look = world.doJob("usage.check-quota", { account_id: owner.accountId });
  await vi.waitFor(async () => {
    const { rows } = await world.db.raw(
      "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    expect(rows).toHaveLength(1);
  }, WAIT);
  world.setTime(to);
  await lock.rollback();
  await look;
  expect([await cutOffAt(), await told()]).toEqual([null, []]);
});

test("an operator who raises the quota while a look is at it is not overruled", async () => {
  await setQuota({ requests: null, bytes: 1000, cuts_off: true });
  await spend(5000);
  const lock = await world.db.transaction();
  await lock("account").where({ id: owner.accountId }).forUpdate().first();
  const look = world.doJob(CHECK);
  await vi.waitFor(async () => {
    const { rows } = await world.db.raw(
      "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    expect(rows).toHaveLength(1);
  }, WAIT);
  await lock("usage_quota").where({ account_id: owner.accountId }).update({ bytes: 50_000 });
  await lock.commit();
  await look;
  expect([await cutOffAt(), await told()]).toEqual([null, []]);
});

test("looks at the same time cut off once and say it once", async () => {
  await setQuota({ requests: null, bytes: 1000, cuts_off: true });
  await spend(5000);
  await Promise.all([world.doJob(CHECK), world.doJob(CHECK), world.doJob(CHECK)]);
  expect(await told()).toHaveLength(1);
  expect(await world.db("audit_entry").where({ account_id: owner.accountId, action: "account.cut-off" })).toHaveLength(
    1,
  );
  expect(
    await world
      .db("outbox")
      .where({ job: "distribution.account-cut-off" })
      .whereRaw("payload->>'account_id' = ?", [owner.accountId]),
  ).toHaveLength(1);
});

/** The world's owner and two more, by their ids: all over a quota that cuts off. */
async function threeOver(): Promise<readonly [string, string, string]> {
  const accounts = [owner, await world.account(`${name}-b`), await world.account(`${name}-c`)];
  const [created_at, updated_at] = [new Date(), new Date()];
  for (const { accountId: account_id } of accounts) {
    await world.db("usage_quota").insert({ account_id, bytes: 1000, cuts_off: true, created_at, updated_at });
    await world.visit([{ accountId: account_id, time: new Date(world.clock().getTime() - 1), bytes: 5000 }]);
  }
  const [first = "", second = "", third = ""] = accounts.map(({ accountId }) => accountId).sort();
  return [first, second, third];
}

/** Who of them is cut off, and who was told so. */
async function standing(ids: readonly string[]) {
  const rows = await world.db("account").whereIn("id", ids).orderBy("id");
  const notes = await world.db("notification").whereIn("account_id", ids).orderBy("account_id").pluck("account_id");
  return { cutOff: rows.map((row) => row.cut_off_at !== null), notes };
}

test("a look that is killed between two accounts has done the first wholly, and the next one does the others", async () => {
  const [first, second, third] = await threeOver();
  const lock = await world.db.transaction();
  await lock("account").where({ id: second }).forUpdate().first();
  const killed = world.doJob(CHECK).catch(() => "killed");
  await vi.waitFor(async () => {
    const { rows } = await world.db.raw(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    expect(rows).toHaveLength(1);
  }, WAIT);
  expect(await killed).toBe("killed");
  await lock.rollback();
  expect(await standing([first, second, third])).toEqual({ cutOff: [true, false, false], notes: [first] });
  await world.doJob(CHECK);
  expect(await standing([first, second, third])).toEqual({ cutOff: [true, true, true], notes: [first, second, third] });
});

test("what fails for one account is undone for it, logged, and no matter to those behind it", async () => {
  const [first, second, third] = await threeOver();
  // The last thing that is written of it.
  await world.db.raw(`alter table notification add constraint unlucky check (account_id <> '${second}')`);
  try {
    await world.doJob(CHECK);
  } finally {
    await world.db.raw("alter table notification drop constraint unlucky");
  }
  expect(await standing([first, second, third])).toEqual({ cutOff: [true, false, true], notes: [first, third] });
  expect(world.logged()).toContainEqual(
    expect.objectContaining({ account_id: second, msg: "the quota of an account cannot be acted upon" }),
  );
  await world.doJob(CHECK);
  expect(await standing([first, second, third])).toEqual({ cutOff: [true, true, true], notes: [first, second, third] });
});

test("without a quota of its own the account has what the role of its owners brings, but for the suspended", async () => {
  await spend(10, 60);
  await world.doJob(CHECK);
  expect(await told()).toEqual([]);
  await world.db("user").where({ id: owner.userId }).update({ platform_role: "premium" });
  await world.doJob(CHECK);
  expect(await told()).toEqual([["usage.exceeded", "requests", true]]);
  expect((await world.call(name, "GET", "/quota")).body).toMatchObject({ source: "default", requests: { limit: 50 } });
  await world.db("user").where({ id: owner.userId }).update({ suspended_at: new Date() });
  expect((await world.call(name, "GET", "/quota")).body).toMatchObject({ requests: { limit: null } });
  await world.doJob(CHECK);
  expect(await cutOffAt()).toBeNull();
  await setQuota({ requests: null, bytes: null });
  await world.doOwnJobs();
  expect(await cutOffAt()).toBeNull();
});

test("while ClickHouse is away everything stays as it is, and the look says who is missing", async () => {
  await setQuota({ requests: null, bytes: 1000, cuts_off: true });
  await spend(5000);
  await world.doJob(CHECK);
  const cutOff = await cutOffAt();
  await expect(world.doJobWhileClickHouseIsAway(CHECK)).rejects.toMatchObject({ kind: { status: 503 } });
  expect(await cutOffAt()).toBe(cutOff);
});

test("people get a letter and programs a signed message that says how much of what is used", async () => {
  const receiver = await startTestReceiver();
  try {
    const webhook = { url: receiver.url, description: "", events: ["usage.exceeded" as const], is_enabled: true };
    await world.told.webhooks.create(owner, webhook);
    await setQuota({ requests: null, bytes: 1000, cuts_off: true });
    await spend(5000);
    await world.doOwnJobs();
    await world.db("outbox").where("job", "like", "distribution.%").delete();
    await world.told.doJobs();
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1), WAIT);
    expect(JSON.parse(receiver.received[0]?.body ?? "")).toMatchObject({
      type: "usage.exceeded",
      data: { month: LAST_MONTH, metric: "bytes", percent: 100, limit: 1000, used: 5000, is_cut_off: true },
    });
    const letter = world.told.mail.received.find(({ to }) => to.includes(`${name}@example.com`));
    expect(letter?.content).toContain("Your distributions are cut off");
  } finally {
    await receiver.stop();
  }
});

test("operators list who has a quota or is cut off; nobody else sets or sees one", async () => {
  await setQuota({ requests: 5, bytes: null });
  const { body } = await world.call("operator", "GET", "/platform/quotas?limit=500");
  const { data } = z.object({ data: z.array(z.looseObject({ account_id: z.string() })) }).parse(body);
  expect(data.find(({ account_id: id }) => id === owner.accountId)).toMatchObject({ account: name, source: "account" });
  const path = `/platform/quotas/${owner.accountId}`;
  for (const method of ["GET", "DELETE"]) expect((await world.call(name, method, path)).status).toBe(403);
  expect((await world.call(name, "PUT", path, { requests: null, bytes: null })).status).toBe(403);
  const nobody = "/platform/quotas/00000000-0000-4000-8000-000000000000";
  expect((await world.call("operator", "PUT", nobody, { requests: 1, bytes: 1 })).status).toBe(404);
  expect((await world.call("operator", "GET", nobody)).status).toBe(404);
  expect((await world.call("operator", "DELETE", path)).status).toBe(204);
  expect((await world.call("operator", "DELETE", path)).status).toBe(404);
  expect((await world.call("operator", "PUT", path, { requests: 0, bytes: null })).status).toBe(422);
});
