// What accounts have used, over HTTP: lines in the real ClickHouse, and what comes of them.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { Caller } from "../../http/caller.ts";
import { createTestServices, inputFor } from "../distribution/test-customer.ts";
import { askAtOnce, createCounts } from "./counted.ts";
import { droppedAbove95th, monthBefore, monthOf, periodOf } from "./month.ts";
import { countDistributions } from "./month-figures.ts";
import { LAST_MONTH, openUsageWorld, TURNS_AT_ONCE, type UsageWorld } from "./test-world.ts";

const { from, to } = periodOf(LAST_MONTH);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const FIVE_MINUTES_MS = 300_000;

let world: UsageWorld;
let owner: Caller;
let name: string;

beforeAll(async () => {
  world = await openUsageWorld();
  await world.account("stranger");
  await world.operator("operator");
});
afterAll(() => world.stop());
beforeEach(async (context) => {
  name = `owner-${context.task.id}`;
  owner = await world.account(name);
  world.setTime(new Date(to.getTime() + 2 * HOUR_MS));
});

/** So long after the month began. */
function at(ms: number): Date {
  return new Date(from.getTime() + ms);
}

async function month(which: string, who = name) {
  const { status, body } = await world.call(who, "GET", `/usage/${which}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return z.looseObject({ days: z.array(z.unknown()), distributions: z.array(z.unknown()) }).parse(body);
}

test("a month has all that happened in it in UTC, to the last millisecond, and nothing of others", async () => {
  const { accountId } = owner;
  await world.visit([
    { accountId, time: new Date(from.getTime() - 1), bytes: 1 },
    { accountId, time: from, bytes: 10, isHit: false },
    { accountId, time: at(13 * DAY_MS), bytes: 200, requests: 3 },
    { accountId, time: new Date(to.getTime() - 1), bytes: 4000 },
    { accountId, time: to, bytes: 50_000 },
    { accountId: randomUUID(), time: at(DAY_MS), bytes: 600_000 },
  ]);
  expect(await month(LAST_MONTH)).toMatchObject({
    ...{ month: LAST_MONTH, status: "closing", counted_until: to.toISOString(), closed_at: null },
    ...{ requests: 5, bytes: 4610, bytes_in: 50, hits: 4, hit_ratio: 0.8, byte_hit_ratio: 0.997831 },
    ...{ origin_requests: 1, origin_bytes: 10 },
  });
  expect(await month(monthOf(to))).toMatchObject({ status: "open", requests: 1, bytes: 50_000 });
});

test("two accounts read of their own month alone, be it by day, by distribution or as CSV", async () => {
  const other = await world.account(`${name}-other`);
  const accounts = [
    { who: name, accountId: owner.accountId, distributionId: randomUUID(), bytes: 700, requests: 3 },
    { who: `${name}-other`, accountId: other.accountId, distributionId: randomUUID(), bytes: 41, requests: 2 },
  ];
  await world.visit(accounts.map((each) => ({ ...each, time: at(DAY_MS) })));
  for (const { who, accountId, distributionId, bytes, requests } of accounts) {
    const own = { requests, bytes: bytes * requests };
    const details = await month(LAST_MONTH, who);
    expect(details).toMatchObject({ ...own, distributions: [{ distribution_id: distributionId, ...own }] });
    expect(details.days[1]).toMatchObject(own);
    const list = (await world.call(who, "GET", "/usage")).body;
    expect(list).toMatchObject({ data: [{ requests: 0, bytes: 0 }, own] });
    const csv = await world.csv(who, `/usage/${LAST_MONTH}?by=distribution`);
    expect(csv.slice(1)).toEqual([expect.stringContaining(`${distributionId},,${requests},${bytes * requests},`)]);
    const answers = JSON.stringify([details, list, csv]);
    for (const another of accounts.filter((each) => each.accountId !== accountId)) {
      expect(answers).not.toContain(another.accountId);
      expect(answers).not.toContain(another.distributionId);
    }
  }
});

test("the running month says until when it is counted, and has each of its days so far", async () => {
  const now = at(9.5 * DAY_MS);
  world.setTime(now);
  await world.visit([{ accountId: owner.accountId, time: at(8.2 * DAY_MS), bytes: 7 }]);
  const running = await month(LAST_MONTH);
  expect(running).toMatchObject({ status: "open", counted_until: now.toISOString(), bytes: 7 });
  expect(running.days).toHaveLength(10);
  expect(running.days[7]).toMatchObject({ date: `${LAST_MONTH}-08`, bytes: 0 });
  expect(running.days[8]).toMatchObject({ date: `${LAST_MONTH}-09`, bytes: 7, requests: 1 });
});

test("distributions come with their domains, the largest first, also those that are gone", async () => {
  const { accountId } = owner;
  const services = createTestServices(world.db);
  const ids: string[] = [];
  for (const domain of ["small.example.com", "large.example.com"]) {
    ids.push((await services.distributions.create(owner, inputFor(domain))).record.id);
  }
  const [small = "", large = ""] = ids;
  await services.distributions.remove(owner, large);
  await world.visit([
    { accountId, distributionId: small, time: at(HOUR_MS), bytes: 5 },
    { accountId, distributionId: large, time: at(HOUR_MS), bytes: 60 },
    { accountId, distributionId: small, time: at(DAY_MS), bytes: 5 },
  ]);
  expect((await month(LAST_MONTH)).distributions).toMatchObject([
    { distribution_id: large, domain: "large.example.com", bytes: 60, requests: 1 },
    { distribution_id: small, domain: "small.example.com", bytes: 10, requests: 2 },
  ]);
});

test("of more distributions than are named the largest are, and the others added up", async () => {
  const { accountId } = owner;
  await world.visit([10, 30, 20, 40].map((bytes) => ({ accountId, bytes, distributionId: randomUUID(), time: from })));
  const counts = createCounts(askAtOnce(world.clickhouse));
  const counting = { reads: world.db, counts, signal: AbortSignal.timeout(10_000) };
  const of = { accountIds: [accountId], period: periodOf(LAST_MONTH) };
  const named = (await countDistributions(counting, of, 2)).get(accountId)?.figures;
  expect(named?.map(({ bytes, requests }) => [bytes, requests])).toEqual([
    [40, 1],
    [30, 1],
    [30, 2],
  ]);
  expect(named?.at(-1)).toMatchObject({ distribution_id: null, domain: null });
});

test("bytes are told by the regions of the edges that sent them; where nobody said, as other", async () => {
  const { accountId } = owner;
  const [paris, tokyo, rome] = [await world.edge("europe"), await world.edge("asia"), await world.edge("europe")];
  const time = at(DAY_MS);
  await world.visit([
    { accountId, time, edgeId: paris, bytes: 1 },
    { accountId, time, edgeId: rome, bytes: 20 },
    { accountId, time, edgeId: tokyo, bytes: 300 },
    { accountId, time, bytes: 4000 },
  ]);
  expect(await month(LAST_MONTH)).toMatchObject({
    bytes: 4321,
    bytes_by_region: {
      ...{ europe: 21, asia: 300, other: 4000 },
      ...{ africa: 0, middle_east: 0, north_america: 0, oceania: 0, south_america: 0 },
    },
  });
});

test("what other providers carried counts as well, and as of no region of ours", async () => {
  const { accountId } = owner;
  const edgeId = await world.edge("europe");
  await world.visit([{ accountId, edgeId, time: at(DAY_MS), bytes: 5 }]);
  const carried = {
    ...{ account_id: accountId, distribution_id: randomUUID(), provider: "gcore", resource: "1", pull: 1 },
    ...{ time: at(2 * DAY_MS).getTime() / 1000, requests: 3, status_2xx: 3, bytes_out: 700, hits: 2, hit_bytes: 400 },
  };
  for (const table of ["provider_day", "provider_minute"]) {
    await world.clickhouse.insert({ table, values: [carried], format: "JSONEachRow" });
  }
  const counted = await month(LAST_MONTH);
  expect(counted).toMatchObject({ requests: 4, bytes: 705, hits: 3, bytes_by_region: { europe: 5, other: 700 } });
  expect(counted.distributions).toMatchObject([{ bytes: 700 }, { bytes: 5 }]);
});

test("the 95th percentile leaves out a twentieth of the month's five minutes, the quiet ones counted too", async () => {
  const { accountId } = owner;
  const all = (to.getTime() - from.getTime()) / FIVE_MINUTES_MS;
  const dropped = Math.floor(all / 20);
  const minutes = (count: number, bytes: number, offset: number) =>
    Array.from({ length: count }, (_, index) => {
      const time = at((offset + index) * FIVE_MINUTES_MS);
      return { accountId, bytes, time };
    });
  await world.visit(minutes(dropped, 3_000_000, 0));
  expect(await month(LAST_MONTH)).toMatchObject({ bandwidth_p95: 0 });
  // One of them is of two lines, minutes apart.
  await world.visit([
    { accountId, bytes: 375, time: at(dropped * FIVE_MINUTES_MS) },
    { accountId, bytes: 375, time: at((dropped + 1) * FIVE_MINUTES_MS - 1) },
  ]);
  expect(await month(LAST_MONTH)).toMatchObject({ bandwidth_p95: 20 });
  await world.visit(minutes(100, 1500, dropped + 1));
  expect(await month(LAST_MONTH)).toMatchObject({ bandwidth_p95: 40 });
});

test("the list begins with the running month and ends with the account's first, a page at a time", async () => {
  await world.visit([{ accountId: owner.accountId, time: at(DAY_MS), bytes: 9 }]);
  const first = await world.call(name, "GET", "/usage?limit=1");
  expect(first.body).toMatchObject({ data: [{ month: monthOf(to), bytes: 0 }], next_cursor: monthOf(to) });
  const second = await world.call(name, "GET", `/usage?limit=1&cursor=${monthOf(to)}`);
  expect(second.body).toMatchObject({ data: [{ month: LAST_MONTH, bytes: 9 }], next_cursor: null });
  const stranger = await world.call("stranger", "GET", "/usage");
  expect(stranger.body).toMatchObject({ data: [{ bytes: 0 }, { bytes: 0 }] });
});

test("all months of a list are counted in as many questions as one, each for itself", async () => {
  const edgeId = await world.edge("europe");
  const before = monthBefore(LAST_MONTH);
  const { accountId } = owner;
  const now = new Date(to.getTime() + 5 * DAY_MS);
  world.setTime(now);
  await world
    .db("account")
    .where({ id: accountId })
    .update({ created_at: periodOf(before).from });
  const one = droppedAbove95th({ from, to }) + 1;
  const other = droppedAbove95th({ from: to, to: now }) + 1;
  const busy = (start: Date, fiveMinutes: number, bytes: number) =>
    Array.from({ length: fiveMinutes }, (_, index) => {
      return { accountId, time: new Date(start.getTime() + index * FIVE_MINUTES_MS), bytes };
    });
  await world.visit([
    { accountId, edgeId, time: new Date(from.getTime() - 1), bytes: 1 },
    { accountId, edgeId, time: from, bytes: 20 },
    ...busy(from, one, 750),
    ...busy(to, other, 1500),
  ]);
  const taken = world.turns.taken();
  const { status, body } = await world.call(name, "GET", "/usage?limit=3");
  expect(world.turns.taken() - taken).toBe(3);
  expect(status, JSON.stringify(body)).toBe(200);
  expect(body).toMatchObject({
    data: [
      { month: monthOf(to), requests: other, bandwidth_p95: 40, bytes_by_region: { europe: 0, other: 1500 * other } },
      { month: LAST_MONTH, requests: one + 1, bandwidth_p95: 20, bytes_by_region: { europe: 20, other: 750 * one } },
      { month: before, requests: 1, bandwidth_p95: null, bytes_by_region: { europe: 1, other: 0 } },
    ],
  });
});

test("customers ask among their reports, in turn; jobs and operators wait for none of them", async () => {
  await world.visit([{ accountId: owner.accountId, time: at(DAY_MS), bytes: 9 }]);
  const { signal } = new AbortController();
  const held = Array.from({ length: TURNS_AT_ONCE }, () => world.turns.take("greedy", signal));
  const done = await Promise.all(held);
  const answered: string[] = [];
  const asked = ["/usage", `/usage/${LAST_MONTH}`, "/quota"].map(async (path) => {
    const { status } = await world.call(name, "GET", path);
    answered.push(path);
    return status;
  });
  await expect.poll(() => world.turns.taken()).toBeGreaterThan(0);
  await world.doJob("usage.check-quotas");
  await world.doJob("usage.close-months");
  const ofAll = await world.call("operator", "GET", `/platform/usage?month=${LAST_MONTH}&limit=500`);
  const ofOne = await world.call("operator", "GET", `/platform/quotas/${owner.accountId}`);
  expect([ofAll.status, ofOne.status, answered]).toEqual([200, 200, []]);
  for (const one of done) one();
  expect(await Promise.all(asked)).toEqual([200, 200, 200]);
});

test("as CSV, the same: months, days or distributions, one to a line", async () => {
  const edgeId = await world.edge("oceania");
  await world.visit([{ accountId: owner.accountId, edgeId, time: at(DAY_MS), bytes: 9 }]);
  const [head, running, last, ...more] = await world.csv(name, "/usage");
  expect(head?.split(",").slice(0, 6)).toEqual(["month", "status", "counted_until", "closed_at", "requests", "bytes"]);
  expect([running, last, more]).toEqual([
    `${monthOf(to)},open,${world.clock().toISOString()},,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0`,
    `${LAST_MONTH},closing,${to.toISOString()},,1,9,10,1,1,1,0,0,0,0,0,0,0,0,9,0,0`,
    [],
  ]);
  expect(head?.split(",").indexOf("bytes_oceania")).toBe(last?.split(",").lastIndexOf("9"));
  const days = await world.csv(name, `/usage/${LAST_MONTH}`);
  expect([days[0]?.split(",")[0], days[2]]).toEqual(["date", `${LAST_MONTH}-02,1,9,10,1,1,1,0,0`]);
  const distributions = await world.csv(name, `/usage/${LAST_MONTH}?by=distribution`);
  expect(distributions[1]).toBe(`${owner.accountId},,1,9,10,1,1,1,0,0`);
});

test("operators see all accounts of a month, page by page or all at once for their invoices; nobody else does", async () => {
  const { accountId } = owner;
  await world.visit([{ accountId, time: at(DAY_MS), bytes: 9 }]);
  const many = Array.from({ length: 500 }, () => ({ id: randomUUID(), name: "one of many", created_at: from }));
  await world.db("account").insert(many);
  const path = `/platform/usage?month=${LAST_MONTH}`;
  const seen: unknown[] = [];
  const pageSchema = z.object({ data: z.array(z.looseObject({})).max(500), next_cursor: z.string().nullable() });
  for (let cursor = ""; ; ) {
    const { body } = await world.call("operator", "GET", `${path}&limit=500${cursor && `&cursor=${cursor}`}`);
    const page = pageSchema.parse(body);
    seen.push(...page.data);
    if (page.next_cursor === null) break;
    cursor = page.next_cursor;
  }
  expect(seen).toContainEqual(expect.objectContaining({ account_id: accountId, account: name, bytes: 9 }));
  const lines = await world.csv("operator", path);
  expect(lines).toHaveLength(1 + seen.length);
  expect(lines.find((line) => line.startsWith(accountId))).toContain(`${accountId},${name},${LAST_MONTH},closing`);
  expect((await world.call(name, "GET", path)).status).toBe(403);
});

test.each([
  ["a month that has not begun", () => `/usage/${monthOf(new Date(to.getTime() + 40 * DAY_MS))}`, 404],
  ["a month before the account was there", () => "/usage/2020-01", 404],
  ["no month", () => "/usage/2020-13", 422],
  ["another account's operators", () => "/platform/usage?month=2020-01", 403],
])("%s is refused", async (_, path, status) => {
  expect((await world.call(name, "GET", path())).status).toBe(status);
});
