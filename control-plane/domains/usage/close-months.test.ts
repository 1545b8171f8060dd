// The close of a month: when it comes, what it stores, and that nothing changes it afterwards.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import type { Caller } from "../../http/caller.ts";
import { createTestServices, inputFor } from "../distribution/test-customer.ts";
import { monthBefore, monthOf, periodOf } from "./month.ts";
import { LAST_MONTH, openUsageWorld, type UsageWorld } from "./test-world.ts";

const { from, to } = periodOf(LAST_MONTH);
const WHOLE_ACCOUNT = "00000000-0000-0000-0000-000000000000";
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WAIT = { timeout: 15_000, interval: 20 };

let world: UsageWorld;
let owner: Caller;
let name: string;

// A world of its own for each: a month is closed for everybody.
beforeEach(async (context) => {
  await reopen();
  name = `owner-${context.task.id}`;
  owner = await world.account(name);
});
beforeAll(async () => {
  world = await openUsageWorld();
});
afterAll(() => world.stop());

/** As nobody else can: the tables are emptied with their guard off. */
async function reopen(): Promise<void> {
  const guarded = ["usage_month", "usage_closing"];
  for (const table of guarded) await world.db.raw(`alter table ${table} disable trigger ${table}_only_added`);
  await world.db.raw("truncate usage_month, usage_closing, usage_edge");
  for (const table of guarded) await world.db.raw(`alter table ${table} enable trigger ${table}_only_added`);
  await world.db("edge_node").delete();
  await world.db("account").update({ created_at: new Date(to.getTime() + 30 * DAY_MS) });
  world.reconciliation.isDone = true;
}

function close(hoursAfter: number): Promise<void> {
  world.setTime(new Date(to.getTime() + hoursAfter * HOUR_MS));
  return world.doJob("usage.close-months");
}

function visit(bytes: number, more: { accountId?: string; edgeId?: string } = {}): Promise<void> {
  return world.visit([{ accountId: owner.accountId, time: new Date(from.getTime() + 5 * DAY_MS), bytes, ...more }]);
}

async function read(path = `/usage/${LAST_MONTH}`) {
  const { status, body } = await world.call(name, "GET", path);
  expect(status, JSON.stringify(body)).toBe(200);
  return z.looseObject({}).parse(body);
}

/** Of days alone, as if their roll-up had counted what is in no line. */
async function plantBytes(accountId: string, bytes: number): Promise<void> {
  const row = {
    ...{ account_id: accountId, dimension: "all", distribution_id: WHOLE_ACCOUNT, value: "" },
    ...{ time: (from.getTime() + 5 * DAY_MS) / 1000, requests: 3, bytes_out: bytes },
  };
  await world.clickhouse.insert({ table: "traffic_day", values: [row], format: "JSONEachRow" });
}

/** As operators see them. */
async function statuses() {
  const { body } = await world.call("operator", "GET", `/platform/usage?month=${LAST_MONTH}&limit=500`);
  const { data } = z
    .object({ data: z.array(z.object({ account_id: z.uuid(), account: z.string(), status: z.string() })) })
    .parse(body);
  const own = data.filter(({ account }) => account.startsWith(name));
  return Object.fromEntries(own.map(({ account_id, status }) => [account_id, status]));
}

function stored() {
  return world.db("usage_month").where({ month: LAST_MONTH }).orderBy("account_id");
}

test("72 hours after its end a month is closed, and reads as it did then whatever comes later", async () => {
  const edgeId = await world.edge("europe");
  await visit(1000, { edgeId });
  await close(71.99);
  expect(await stored()).toEqual([]);
  const before = await read();
  expect(before).toMatchObject({ status: "closing", bytes: 1000, closed_at: null });
  await close(72);
  const closed = await read();
  expect(closed).toEqual({ ...before, status: "closed", closed_at: world.clock().toISOString() });
  await visit(500, { edgeId });
  const groupId = (await world.db("edge_node").where({ id: edgeId }).first()).group_id;
  await world
    .db("edge_group")
    .where({ id: groupId })
    .update({ settings: JSON.stringify({ region: "asia" }) });
  await close(96);
  expect(await read()).toEqual(closed);
  expect((await world.call(name, "GET", "/usage")).body).toMatchObject({
    data: [{}, { month: LAST_MONTH, status: "closed", bytes: 1000, bytes_by_region: { europe: 1000, asia: 0 } }],
  });
});

test("of a closed month each account reads its own figures", async () => {
  const other = await world.account(`${name}-other`);
  await visit(1000);
  await visit(30, { accountId: other.accountId });
  await close(72);
  expect(await read()).toMatchObject({ status: "closed", requests: 1, bytes: 1000 });
  const { body } = await world.call(`${name}-other`, "GET", `/usage/${LAST_MONTH}`);
  expect(body).toMatchObject({ status: "closed", requests: 1, bytes: 30, distributions: [{ bytes: 30 }] });
  expect(JSON.stringify(body)).not.toContain(owner.accountId);
});

test("the database refuses to change or forget a closed month, whoever tries", async () => {
  await visit(1000);
  await close(72);
  const { db } = world;
  const before = await stored();
  for (const attempt of [
    db("usage_month").update({ figures: "{}" }),
    db("usage_month").where({ account_id: owner.accountId }).delete(),
    db.raw("truncate usage_month"),
    db.raw("truncate account cascade"),
    db.raw(
      "insert into usage_month select * from usage_month on conflict (account_id, month) do update set days = '[]'",
    ),
  ]) {
    await expect(attempt).rejects.toThrow("rows of usage_month are only ever added");
  }
  expect(await stored()).toEqual(before);
  // Else it would be closed anew, with accounts that were not there.
  for (const attempt of [
    db("usage_closing").update({ closed_at: to }),
    db("usage_closing").where({ month: LAST_MONTH }).delete(),
    db.raw("truncate usage_closing"),
  ]) {
    await expect(attempt).rejects.toThrow("rows of usage_closing are only ever added");
  }
  expect(await db("usage_closing").pluck("month")).toEqual([LAST_MONTH]);
});

test("every account that was there has a row, those without traffic too, and no other", async () => {
  const gone = await world.account(`${name}-gone`, new Date(from.getTime() - 1));
  await world
    .db("account")
    .where({ id: gone.accountId })
    .update({ deleted_at: new Date(from.getTime() - 1) });
  const quiet = await world.account(`${name}-quiet`);
  const young = await world.account(`${name}-young`, to);
  const old = await world.account(`${name}-old`, new Date(from.getTime() - 1));
  await world
    .db("account")
    .where({ id: old.accountId })
    .update({ deleted_at: new Date(from.getTime() + DAY_MS) });
  await visit(7, { accountId: old.accountId });
  await close(72);
  const rows = await stored();
  expect(rows.map((row) => row.account_id).sort()).toEqual([owner, quiet, old].map((one) => one.accountId).sort());
  expect(rows.find((row) => row.account_id === old.accountId)?.figures).toMatchObject({ bytes: 7 });
  expect(rows.find((row) => row.account_id === quiet.accountId)?.figures).toMatchObject({ bytes: 0, bandwidth_p95: 0 });
  expect(rows.map((row) => row.account_id)).not.toContain(young.accountId);
  expect(rows.map((row) => row.account_id)).not.toContain(gone.accountId);
});

test("edges with unsent lines of the month, or that are silent since, are waited for, but for a week at most", async () => {
  const edgeId = await world.edge("europe");
  const edge = () => world.db("edge_node").where({ id: edgeId });
  await edge().update({ reported_at: new Date(to.getTime() - 1) });
  await close(72);
  expect(await stored()).toEqual([]);
  await edge().update({ reported_at: to, log_behind_since: new Date(to.getTime() - 1) });
  await close(100);
  expect(await stored()).toEqual([]);
  await edge().update({ log_behind_since: to });
  await close(101);
  expect(await stored()).toHaveLength(1);
  await reopen();
  owner = await world.account(`${name}-again`);
  await world.edge("asia");
  await world.db("edge_node").update({ reported_at: from });
  await close(7 * 24 - 0.01);
  expect(await stored()).toEqual([]);
  await close(7 * 24);
  expect(await stored()).toHaveLength(1);
});

test("other providers that have not told of the whole month are waited for as long", async () => {
  const { record } = await createTestServices(world.db).distributions.create(owner, inputFor("carried.example.com"));
  const now = new Date();
  const times = { created_at: now, updated_at: now };
  await world.db("provider").insert({
    ...{ name: "gcore", is_enabled: true, settings: "{}", credentials_sealed: "{}", ...times },
  });
  await world.db("provider_link").insert({
    ...{ id: randomUUID(), provider: "gcore", resource: "1", account_id: owner.accountId, distribution_id: record.id },
    ...{ since: from, synced_until: new Date(to.getTime() - 1), created_at: now },
  });
  await close(72);
  expect(await stored()).toEqual([]);
  await world.db("provider_link").update({ synced_until: to });
  await close(73);
  expect(await stored()).toHaveLength(1);
  await world.db("provider_link").delete();
});

test("a month is closed when all that is counted agrees with the lines, and not before, however long that takes", async () => {
  world.reconciliation.isDone = false;
  await close(30 * 24);
  expect(await stored()).toEqual([]);
  world.reconciliation.isDone = true;
  await close(30 * 24 + 1);
  expect(await stored()).toHaveLength(1);
});

test("what was counted wrongly is put right before it is billed", async () => {
  world.reconciliation.isDone = "as it is";
  await visit(1000);
  await plantBytes(owner.accountId, 77);
  await close(72);
  expect(await stored()).toEqual([]);
  expect(await read()).toMatchObject({ bytes: 1077 });
  // What was put right is compared once more.
  await vi.waitFor(async () => {
    await world.reconcile();
    await close(73);
    expect(await stored()).toHaveLength(1);
  }, WAIT);
  expect(await read()).toMatchObject({ status: "closed", requests: 1, bytes: 1000 });
});

test("an account whose parts do not add up is left open, and closed once they do; nobody else waits for it", async () => {
  await world.operator("operator");
  const other = await world.account(`${name}-other`);
  const [first = owner, second = other] = [owner, other].sort((a, b) => (a.accountId < b.accountId ? -1 : 1));
  await visit(1000, { accountId: first.accountId });
  await visit(50, { accountId: second.accountId });
  await plantBytes(first.accountId, 77);
  await close(72);
  expect(await stored()).toMatchObject([{ account_id: second.accountId, figures: { bytes: 50 } }]);
  expect(await statuses()).toEqual({ [first.accountId]: "open", [second.accountId]: "closed" });
  const said = { level: "error", account_id: first.accountId, month: LAST_MONTH, msg: expect.any(String) };
  expect(world.logged()).toContainEqual(expect.objectContaining(said));
  expect(JSON.stringify(world.logged())).toContain("1077 bytes by day, 1 and 1000 by distribution");
  // Still wrong: nothing changes, and the month after is closed as every month is.
  world.setTime(new Date(periodOf(monthOf(to)).to.getTime() + 72 * HOUR_MS));
  await world.doJob("usage.close-months");
  expect(await world.db("usage_closing").orderBy("month").pluck("month")).toEqual([LAST_MONTH, monthOf(to)]);
  expect(await stored()).toHaveLength(1);
  await vi.waitFor(async () => {
    await world.reconcile();
    await world.doJob("usage.close-months");
    expect(await stored()).toHaveLength(2);
  }, WAIT);
  await world.doJob("usage.close-months");
  const rows = await stored();
  expect(rows.sort((one) => (one.account_id === first.accountId ? -1 : 1))).toMatchObject([
    { account_id: first.accountId, figures: { requests: 1, bytes: 1000 } },
    { account_id: second.accountId, figures: { bytes: 50 } },
  ]);
  expect(await statuses()).toEqual({ [first.accountId]: "closed", [second.accountId]: "closed" });
});

test("an account that cannot be counted is left open, and nobody of its page waits for it", async () => {
  const others = await Promise.all([1, 2, 3, 4].map((each) => world.account(`${name}-${each}`)));
  // No distribution has such an id.
  const distributionId = "11111111-1111-1111-1111-111111111111";
  const time = new Date(from.getTime() + DAY_MS);
  await world.visit([{ accountId: owner.accountId, distributionId, time }]);
  for (const { accountId } of others) await visit(9, { accountId });
  await close(72);
  const rows = await stored();
  expect(rows.map((row) => row.account_id)).toEqual(others.map(({ accountId }) => accountId).sort());
  expect(rows.map((row) => row.figures.bytes)).toEqual([9, 9, 9, 9]);
  expect(await world.db("usage_closing").pluck("month")).toEqual([LAST_MONTH]);
  expect(await read("/usage")).toMatchObject({ data: [{}, { month: LAST_MONTH, status: "open" }] });
});

test("beyond 2^53 bytes the parts still add up, and the last digits of the answer are rounded", async () => {
  const accountId = owner.accountId;
  const time = new Date(from.getTime() + DAY_MS);
  const sent = [2 ** 53, 1, 1, 1];
  await world.visit(sent.map((bytes) => ({ accountId, bytes, distributionId: randomUUID(), time })));
  expect(await read()).toMatchObject({ status: "closing", bytes: 2 ** 53 + 4 });
  await close(72);
  expect(await read()).toMatchObject({ status: "closed", requests: 4, bytes: 2 ** 53 + 4 });
});

test("of an edge that is gone it is known where it stood", async () => {
  const edgeId = await world.edge("oceania");
  await visit(12, { edgeId });
  await world.doJob("usage.note-edges");
  await world.db("edge_node").where({ id: edgeId }).delete();
  expect(await read()).toMatchObject({ bytes_by_region: { oceania: 12, other: 0 } });
  await close(72);
  expect(await read()).toMatchObject({ status: "closed", bytes_by_region: { oceania: 12, other: 0 } });
});

test("workers who close it at the same time store each account once, and one set of figures", async () => {
  await visit(1000);
  world.setTime(new Date(to.getTime() + 72 * HOUR_MS));
  await Promise.all([1, 2, 3].map(() => world.doJob("usage.close-months")));
  expect(await stored()).toHaveLength(1);
  expect(await world.db("usage_closing")).toHaveLength(1);
});

test("a worker that is killed in the middle leaves whole accounts, and the next one the rest as it is then", async () => {
  const accounts = Array.from({ length: 60 }, () => ({ id: randomUUID(), name: "one of many", created_at: from }));
  await world.db("account").insert(accounts);
  const ids = [owner.accountId, ...accounts.map(({ id }) => id)].sort();
  const [last = ""] = ids.slice(-1);
  await visit(10, { accountId: last });
  await visit(10, { accountId: ids[0] ?? "" });
  const other = await world.db.transaction();
  // The second page waits for this row of the last account.
  await other("usage_month").insert({
    ...{ account_id: last, month: LAST_MONTH, figures: "{}", days: "[]", distributions: "[]", closed_at: new Date() },
  });
  world.setTime(new Date(to.getTime() + 72 * HOUR_MS));
  const killed = world.doJob("usage.close-months").catch(() => "killed");
  await vi.waitFor(async () => {
    const { rows } = await world.db.raw(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    expect(rows).toHaveLength(1);
  }, WAIT);
  expect(await killed).toBe("killed");
  await other.rollback();
  expect(await stored()).toHaveLength(50);
  expect(await world.db("usage_closing")).toEqual([]);
  // Lines that came meanwhile: those who are closed do not change, the others have them.
  await visit(1, { accountId: last });
  await visit(1, { accountId: ids[0] ?? "" });
  await close(73);
  const rows = await stored();
  expect(rows.map((row) => row.account_id)).toEqual(ids);
  expect([rows[0]?.figures.bytes, rows.at(-1)?.figures.bytes]).toEqual([10, 11]);
  expect(await world.db("usage_closing").pluck("month")).toEqual([LAST_MONTH]);
});

test("after a schedule that stood still every month is closed, the oldest first; without its minutes, without their percentile", async () => {
  const earlier = [monthBefore(LAST_MONTH), monthBefore(monthBefore(LAST_MONTH))];
  await world
    .db("account")
    .where({ id: owner.accountId })
    .update({ created_at: periodOf(earlier[1] ?? "").from });
  await close(72);
  const closings = await world.db("usage_closing").orderBy("closed_at").orderBy("month").pluck("month");
  expect(closings).toEqual([earlier[1], earlier[0], LAST_MONTH]);
  const rows = await world.db("usage_month").orderBy("month");
  expect([rows[0], rows.at(-1)].map((row) => row?.figures.bandwidth_p95)).toEqual([null, 0]);
});

test("while ClickHouse is away nothing is closed, and the next look does it", async () => {
  await visit(9);
  world.setTime(new Date(to.getTime() + 72 * HOUR_MS));
  await expect(world.doJobWhileClickHouseIsAway("usage.close-months")).rejects.toMatchObject({ kind: { status: 503 } });
  expect(await stored()).toEqual([]);
  await close(73);
  expect(await read()).toMatchObject({ status: "closed", bytes: 9 });
});
