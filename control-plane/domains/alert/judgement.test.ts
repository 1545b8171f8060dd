import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { Caller } from "../../http/caller.ts";
import { startTestReceiver, type TestReceiver, verified } from "../notification/test-receiver.ts";
import { type JudgementSettings, judgeAll } from "./judgement.ts";
import { alertToReply } from "./reply.ts";
import { type AlertWorld, openAlertWorld } from "./test-world.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MINUTES = 24 * 60;
const WEEK_MINUTES = 7 * DAY_MINUTES;

// Mail, webhooks, databases and a process of its own, while other tests keep the machine busy.
vi.setConfig({ testTimeout: 60_000 });

let world: AlertWorld;
let receiver: TestReceiver;
let owner: Caller;
let stranger: Caller;
beforeAll(async () => {
  [world, receiver] = await Promise.all([openAlertWorld(), startTestReceiver()]);
});
afterAll(async () => {
  await receiver.stop();
  await world.stop();
});
beforeEach(async (context) => {
  world.resetTime();
  owner = await world.owner(`owner-${context.task.id}`);
  stranger = await world.owner(`stranger-${context.task.id}`);
});
afterEach(async () => {
  await world.db("alert").delete();
  await world.edgeTells(null);
});

const errors = { type: "error_rate", percent: 5, recovery_percent: 2 };
const letters = (address: string) => world.mail.received.filter(({ to }) => to.includes(address));

test("errors that last are told by letter and signed webhook, and once more when they are over", async (context) => {
  const name = `owner-${context.task.id}`;
  const viewer = await world.person(`viewer-${context.task.id}`, owner.accountId, "viewer");
  await world.person(`editor-${context.task.id}`, owner.accountId, "editor");
  const { secret } = await world.webhooks.create(owner, {
    ...{ url: receiver.url, events: ["alert.raised", "alert.resolved"], description: "", is_enabled: true },
  });
  const shop = await world.distribution(owner);
  const id = await world.create(owner, {
    ...{ name: "Shop fails", distribution_id: shop, condition: errors, mail_members: [viewer.userId] },
    ...{ raise_after_minutes: 2, resolve_after_minutes: 1 },
  });
  await world.traffic(owner, shop, { requests: 1_000, errors: 100, minutesAgo: 2 });

  await world.judge();
  expect(await world.state(id)).toMatchObject({ status: "pending", value: 10 });
  await world.minute();
  expect(await world.told(id)).toEqual([]);
  await world.minute();
  expect(await world.state(id)).toMatchObject({ status: "raised", is_told: true });
  await world.doJobs();

  const [message] = await receiver.count(1);
  const event = message && verified(message, secret);
  expect(event).toMatchObject({
    type: "alert.raised",
    data: {
      ...{ alert_id: id, name: "Shop fails", distribution_id: shop, value: 10, is_test: false },
      ...{ condition: { type: "error_rate", percent: 5 }, since: expect.any(String) },
    },
  });
  const [forOwner, forViewer] = [letters(`${name}@example.com`), letters(`viewer-${context.task.id}@example.com`)];
  expect([forOwner.length, forViewer.length]).toEqual([1, 1]);
  expect(letters(`editor-${context.task.id}@example.com`)).toEqual([]);
  const plain = [forOwner, forViewer].map(([one]) => one?.content.replaceAll(/=\r?\n/g, "") ?? "");
  for (const text of plain) {
    expect(text).toMatch(/^Subject: Alert: Shop fails\s+\(d-/m);
    expect(text).toContain("10 % of 1,000 requests within 5 minutes were answered with an error");
  }
  expect(plain[0]).toContain("an owner or an admin of");
  expect(plain[1]).toContain("has named you");
  expect(plain[0]).toContain(`/api/v1/alerts/${id}/events`);

  // The errors leave the window of five minutes, and there is traffic still.
  world.passTime(2 * MINUTE_MS);
  await world.traffic(owner, shop, { requests: 1_000, minutesAgo: 1 });
  for (let minute = 0; minute < 7; minute += 1) await world.minute();
  expect(await world.history(id)).toEqual(["raised", "resolved"]);
  await world.doJobs();
  await receiver.count(2);
  // Its clock is ahead by now, so that no receiver would take it.
  expect(receiver.received[1]?.body).toMatch(/^{"type":"alert.resolved"/);
});

test("two workers at once raise it once", async () => {
  const shop = await world.distribution(owner);
  await world.traffic(owner, shop, { requests: 1_000, errors: 100, minutesAgo: 2 });
  const ids = await Promise.all(
    [shop, null].map((one) => world.create(owner, { distribution_id: one, condition: errors })),
  );
  await Promise.all([world.judge(), world.judge(), world.judge()]);
  await world.judge();
  for (const id of ids) {
    expect(await world.history(id)).toEqual(["raised"]);
    expect(await world.told(id)).toEqual(["alert.raised"]);
  }
});

test("each account and distribution is judged by its own traffic", async (context) => {
  const other = await world.owner(`other-${context.task.id}`);
  const [mine, quiet, theirs] = [
    await world.distribution(owner),
    await world.distribution(owner),
    await world.distribution(other),
  ];
  const many = { type: "threshold", metric: "requests", direction: "above", value: 100 };
  const create = (caller: Caller, id: string | null) => world.create(caller, { distribution_id: id, condition: many });
  const raised = [await create(owner, mine), await create(owner, null)];
  const notRaised = [await create(owner, quiet), await create(other, theirs), await create(other, null)];
  await world.traffic(owner, mine, { requests: 101, minutesAgo: 3 });
  await world.traffic(other, theirs, { requests: 100, minutesAgo: 3 });
  await world.judge();
  for (const id of raised) expect(await world.state(id)).toMatchObject({ status: "raised", value: 101 });
  for (const id of notRaised) expect(await world.state(id)).toMatchObject({ status: "ok" });
});

test.each([
  ["requests", 20],
  ["bytes", 20_000],
  ["bandwidth", 533],
  ["status_5xx", 5],
  ["error_rate", 0.25],
  ["hit_ratio", 0],
  ["visitors", 1],
  ["origin_requests", 20],
] as const)("the %s of a window are measured", async (metric, value) => {
  const shop = await world.distribution(owner);
  const condition = { type: "threshold", metric, direction: "above", value: 0 };
  const id = await world.create(owner, { distribution_id: shop, condition });
  await world.traffic(owner, shop, { requests: 20, errors: 5, minutesAgo: 4 });
  await world.judge();
  const { value: measured } = await world.state(id);
  expect(measured).toBe(value);
});

test("a drop is told against the same hour of last week, not where that had too little or was before its time", async () => {
  const shop = await world.distribution(owner);
  const young = await world.distribution(owner, { daysOld: 7 });
  const small = await world.distribution(owner);
  const drop = { type: "drop", metric: "requests", percent: 50, recovery_percent: 20, requests_min: 100 };
  const [dropped, unborn, quiet] = await Promise.all(
    [shop, young, small].map((id) => world.create(owner, { distribution_id: id, condition: drop })),
  );
  for (const id of [shop, young]) {
    await world.traffic(owner, id, { requests: 1_000, minutesAgo: WEEK_MINUTES + 30 });
    await world.traffic(owner, id, { requests: 400, minutesAgo: 30 });
  }
  await world.traffic(owner, small, { requests: 99, minutesAgo: WEEK_MINUTES + 30 });
  await world.judge();
  expect(await world.state(dropped ?? "")).toMatchObject({ status: "raised", value: 60 });
  expect(await world.state(unborn ?? "")).toMatchObject({
    status: "ok",
    value: null,
    reason: expect.stringContaining("younger"),
  });
  expect(await world.state(quiet ?? "")).toMatchObject({
    status: "ok",
    value: null,
    reason: expect.stringContaining("99 requests"),
  });
  await world.traffic(owner, shop, { requests: 350, minutesAgo: 5 });
  await world.minute();
  expect(await world.state(dropped ?? "")).toMatchObject({ status: "raised", value: 25 });
  await world.traffic(owner, shop, { requests: 50, minutesAgo: 5 });
  await world.minute();
  expect(await world.history(dropped ?? "")).toEqual(["raised", "resolved"]);
});

test("while edges cannot send their lines nobody is told of a drop, or that errors are over", async () => {
  const shop = await world.distribution(owner);
  await world.traffic(owner, shop, { requests: 1_000, minutesAgo: WEEK_MINUTES + 30 });
  await world.traffic(owner, shop, { requests: 200, errors: 100, minutesAgo: 3 });
  const fails = await world.create(owner, { distribution_id: shop, condition: errors });
  await world.judge();
  const drops = await world.create(owner, {
    distribution_id: shop,
    condition: { type: "drop", metric: "requests", percent: 50 },
  });
  const since = world.clock();
  world.passTime(10 * MINUTE_MS);
  await world.edgeTells(since);
  await world.judge();
  expect([await world.history(fails), await world.history(drops)]).toEqual([["raised"], []]);
  expect(await shown(fails)).toMatchObject({ status: "unknown" });
  await world.edgeTells(null);
  await world.minute();
  expect([await world.history(fails), await world.history(drops)]).toEqual([["raised", "resolved"], ["raised"]]);
});

test("an edge that cannot send its lines is no matter to those whom its group does not carry", async () => {
  const [shop, elsewhere] = [await world.distribution(owner), await world.distribution(stranger)];
  await world.db("deployment").where({ distribution_id: elsewhere }).delete();
  const few = { type: "threshold", metric: "requests", direction: "below", value: 10 };
  const carried = await world.create(owner, { distribution_id: shop, condition: few });
  const other = await world.create(stranger, { distribution_id: elsewhere, condition: few });
  await world.edgeTells(new Date(world.clock().getTime() - HOUR_MS));
  await world.judge();
  expect([await world.history(carried), await world.history(other)]).toEqual([[], ["raised"]]);
});

test("what is too much to measure for one account leaves the others judged", async () => {
  const [shop, theirs] = [await world.distribution(owner), await world.distribution(stranger)];
  const few = { type: "threshold", metric: "visitors", direction: "below", value: 10 };
  const [unmeasured, judged] = [
    await world.create(owner, { distribution_id: shop, condition: few }),
    await world.create(stranger, { distribution_id: theirs, condition: few }),
  ];
  await world.edgeTells(null);
  await judgeAll({ ...world.settings, measures: tooMuchOf(owner.accountId) }, AbortSignal.timeout(20_000));
  expect([await world.history(unmeasured), await world.history(judged)]).toEqual([[], ["raised"]]);
});

test("an alert whose consequences fail is as it was, and those judged with it are judged", async () => {
  const shop = await world.distribution(owner);
  const few = { type: "threshold", metric: "requests", direction: "below", value: 10 };
  const ids: string[] = [];
  for (let count = 0; count < 5; count += 1) {
    ids.push(await world.create(owner, { distribution_id: shop, condition: few }));
  }
  const [unlucky = "", ...others] = ids;
  await world.edgeTells(null);
  await world.db.raw(`alter table notification add constraint unlucky check (details->>'alert_id' <> '${unlucky}')`);
  try {
    await world.judge();
  } finally {
    await world.db.raw("alter table notification drop constraint unlucky");
  }
  expect(await world.history(unlucky)).toEqual([]);
  expect(await world.state(unlucky)).toMatchObject({ status: "ok", judged_until: null });
  for (const id of others) {
    expect(await world.history(id)).toEqual(["raised"]);
    expect(await world.told(id)).toEqual(["alert.raised"]);
  }
  await world.minute();
  for (const id of ids) expect(await world.history(id)).toEqual(["raised"]);
});

/** As ClickHouse answers a question that needs more memory than it may have. */
function tooMuchOf(accountId: string): JudgementSettings["measures"] {
  return {
    async measureMany(asked, signal) {
      if (asked.of.some((one) => one.accountId === accountId)) throw new Error("It needs too much memory.");
      return world.settings.measures.measureMany(asked, signal);
    },
  };
}

test("an edge that is not heard of any more keeps nothing from being judged", async () => {
  const shop = await world.distribution(owner);
  const few = { type: "threshold", metric: "requests", direction: "below", value: 10 };
  const id = await world.create(owner, { distribution_id: shop, condition: few });
  await world.edgeTells(new Date(world.clock().getTime() - HOUR_MS));
  await world.judge();
  expect(await world.history(id)).toEqual([]);
  world.passTime(11 * MINUTE_MS);
  await world.judge();
  expect(await world.history(id)).toEqual(["raised"]);
});

async function shown(id: string) {
  const [record] = await world.alerts.list(owner, { limit: 100 }).then((all) => all.filter((one) => one.id === id));
  return record && alertToReply(record, world.clock()).state;
}

test("without ClickHouse an alert on traffic is unknown and nobody is told anything; certificates are judged", async () => {
  const shop = await world.distribution(owner);
  const few = { type: "threshold", metric: "requests", direction: "below", value: 10 };
  const traffic = await world.create(owner, { distribution_id: shop, condition: few, raise_after_minutes: 5 });
  const certificates = await world.create(owner, { condition: { type: "certificate_expiry", days: 10 } });
  await world.judge();
  for (let minute = 0; minute < 10; minute += 1) await world.minute({ withoutClickHouse: true });
  expect(await shown(traffic)).toMatchObject({ status: "unknown" });
  expect(await shown(certificates)).toMatchObject({ status: "ok" });
  // It was below before and is below now; what was in between, nobody knows.
  await world.minute();
  expect(await shown(traffic)).toMatchObject({ status: "pending" });
  for (let minute = 0; minute < 5; minute += 1) await world.minute();
  expect(await world.history(traffic)).toEqual(["raised"]);
});
