import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import type { Caller } from "../../http/caller.ts";
import { expiryHandlers } from "../certificate/expiry.ts";
import { type AlertWorld, openAlertWorld } from "./test-world.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const HOUR_MS = 60 * 60 * 1000;
const SCRIPT = fileURLToPath(new URL("./judging-worker.fixture.ts", import.meta.url));

// Mail, webhooks, databases and a process of its own, while other tests keep the machine busy.
vi.setConfig({ testTimeout: 60_000 });

let world: AlertWorld;
let owner: Caller;
let address: string;
beforeAll(async () => {
  world = await openAlertWorld();
});
afterAll(() => world.stop());
beforeEach(async (context) => {
  world.resetTime();
  owner = await world.owner(`owner-${context.task.id}`);
  address = `owner-${context.task.id}@example.com`;
});
afterEach(() => world.db("alert").delete());

const few = { type: "threshold", metric: "requests", direction: "below", value: 10 };
const letters = () =>
  world.mail.received.filter(({ to }) => to.includes(address)).map(({ content }) => content.replaceAll(/=\r?\n/g, ""));

test("a worker that is killed in the middle has told nobody; the next one tells once", async () => {
  const shop = await world.distribution(owner);
  const id = await world.create(owner, { distribution_id: shop, condition: few });
  // Whoever writes history waits for this lock, in the middle of the transaction.
  await world.db.raw(`create function wait_here() returns trigger language plpgsql as
    $$ begin perform pg_advisory_xact_lock(42); return new; end $$`);
  await world.db.raw(
    "create trigger wait_here before insert on notification for each row execute function wait_here()",
  );
  const holding = await world.db.transaction();
  await holding.raw("select pg_advisory_lock(42)");
  const settings = { databaseUrl: world.databaseUrl, clickhouseUrl: world.server.url };
  const child: ChildProcess = spawn(process.execPath, ["--import", "tsx", SCRIPT, JSON.stringify(settings)]);
  const isWaiting = async () => {
    const waiting: unknown = await world.db.raw(
      "select 1 from pg_stat_activity where application_name = 'judging worker' and wait_event = 'advisory'",
    );
    return z.object({ rows: z.array(z.unknown()) }).parse(waiting).rows.length > 0;
  };
  await vi.waitFor(async () => expect(await isWaiting()).toBe(true), { timeout: 30_000, interval: 50 });
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  await holding.raw("select pg_advisory_unlock(42)");
  await holding.rollback();
  await vi.waitFor(async () => expect(await isWaiting()).toBe(false), { timeout: 10_000, interval: 50 });
  expect([await world.history(id), await world.told(id)]).toEqual([[], []]);
  await world.db.raw("drop function wait_here cascade");

  await world.judge();
  await world.judge();
  expect([await world.history(id), await world.told(id)]).toEqual([["raised"], ["alert.raised"]]);
});

test("muted, nobody is told; afterwards they hear how it stands, if that is news", async () => {
  const shop = await world.distribution(owner);
  const muted_until = (ms: number) => new Date(world.clock().getTime() + ms).toISOString();
  const lasting = await world.create(owner, {
    distribution_id: shop,
    condition: few,
    muted_until: muted_until(90_000),
  });
  const passing = await world.create(owner, {
    distribution_id: shop,
    condition: few,
    muted_until: muted_until(HOUR_MS),
  });
  await world.minute();
  expect(await world.history(lasting)).toEqual(["raised"]);
  expect(await world.told(lasting)).toEqual([]);
  await world.minute();
  expect(await world.told(lasting)).toEqual(["alert.raised"]);
  await world.traffic(owner, shop, { requests: 100, minutesAgo: 2 });
  await world.minute();
  expect([await world.history(passing), await world.told(passing)]).toEqual([["raised", "resolved"], []]);
  world.passTime(2 * HOUR_MS);
  await world.traffic(owner, shop, { requests: 100, minutesAgo: 2 });
  await world.judge();
  expect(await world.told(passing)).toEqual([]);
  expect(await world.told(lasting)).toEqual(["alert.raised", "alert.resolved"]);
});

test("an alert whose distribution was deleted ends, and says so; of a deleted account none is judged", async () => {
  const shop = await world.distribution(owner);
  const id = await world.create(owner, { distribution_id: shop, condition: few });
  await world.judge();
  await world.db("distribution").where({ id: shop }).update({ deleted_at: world.clock() });
  await world.minute();
  expect(await world.state(id)).toMatchObject({ is_enabled: false, disabled_reason: "Its distribution was deleted." });
  expect(await world.told(id)).toEqual(["alert.raised", "alert.resolved"]);
  const deeds = await world.db("audit_entry").where({ resource_id: id }).orderBy("created_at").pluck("action");
  expect(deeds).toEqual(["alert.create", "alert.disable"]);

  const all = await world.create(owner, { condition: few });
  await world.db("account").where({ id: owner.accountId }).update({ deleted_at: world.clock() });
  await world.minute();
  expect(await world.history(all)).toEqual([]);
});

test("a distribution that is disabled, and an account that is cut off, are nothing to worry about", async () => {
  const [shop, other] = [await world.distribution(owner), await world.distribution(owner)];
  await world.db("distribution").where({ id: shop }).update({ status: "disabled" });
  const disabled = await world.create(owner, { distribution_id: shop, condition: few });
  await world.judge();
  expect(await world.state(disabled)).toMatchObject({ status: "ok", reason: "The distribution is disabled." });
  const ids = [
    await world.create(owner, { distribution_id: other, condition: few }),
    await world.create(owner, { condition: few }),
  ];
  await world.db("account").where({ id: owner.accountId }).update({ cut_off_at: world.clock() });
  await world.minute();
  for (const id of ids)
    expect(await world.state(id)).toMatchObject({ status: "ok", reason: expect.stringContaining("cut off") });
});

async function plant(days: number, more: object = {}): Promise<string> {
  const id = randomUUID();
  const notAfter = new Date(world.clock().getTime() + days * DAY_MS);
  await world.db("certificate").insert({
    ...{ id, account_id: owner.accountId, name: `c-${id.slice(0, 8)}`, names: JSON.stringify(["shop.example.com"]) },
    ...{ is_automatic: false, key_type: "ecdsa", status: "active", chain: "PEM", fingerprint: id, version: 1 },
    ...{ not_after: notAfter, not_before: new Date(notAfter.getTime() - 365 * DAY_MS) },
    ...{ created_at: world.clock(), updated_at: world.clock(), ...more },
  });
  return id;
}

async function warn(): Promise<void> {
  const [handler] = expiryHandlers(world);
  await handler?.run({}, AbortSignal.timeout(20_000));
}

test("of a certificate that ends one letter comes, not the alert's and the warning of the same day; programs hear both", async () => {
  const first = await plant(14.1);
  const id = await world.create(owner, { condition: { type: "certificate_expiry", days: 14 } });
  await warn();
  await world.doJobs();
  world.passTime(3 * HOUR_MS);
  await world.judge();
  await warn();
  await world.doJobs();
  world.passTime(HOUR_MS);
  await world.writeGathered();
  await world.doJobs();
  expect(letters().map((text) => /^Subject: (.*)\r?$/m.exec(text)?.[1])).toEqual([
    expect.stringContaining("expires in 15 days"),
    "Alert: Shop",
  ]);
  expect(letters().at(-1)).toContain(`The certificate c-${first.slice(0, 8)} expires in 14 days`);
  const events = await world
    .db("notification")
    .where({ account_id: owner.accountId })
    .orderBy("created_at")
    .pluck("event");
  expect(events).toEqual(["certificate.expiring", "alert.raised", "certificate.expiring"]);

  // Another one comes to it, and both get a successor.
  const second = await plant(5);
  await world.minute();
  expect(await world.history(id)).toEqual(["raised", "raised"]);
  await world
    .db("certificate")
    .whereIn("id", [first, second])
    .update({ not_after: new Date(world.clock().getTime() + 400 * DAY_MS) });
  await world.minute();
  expect(await world.history(id)).toEqual(["raised", "raised", "resolved"]);
  expect(await world.told(id)).toEqual(["alert.raised", "alert.raised", "alert.resolved"]);
});

test("an automatic certificate counts once it was not renewed in time; of a distribution the one that it is served with", async () => {
  const shop = await world.distribution(owner);
  const served = await plant(20, { is_automatic: true });
  await plant(2);
  await world.db("distribution").where({ id: shop }).update({ certificate_id: served });
  const condition = { type: "certificate_expiry", days: 30 };
  const id = await world.create(owner, { distribution_id: shop, condition });
  const automatic = (lifetimeDays: number) =>
    world.db.raw("update certificate set not_before = not_after - ?::interval where id = ?", [
      `${lifetimeDays} days`,
      served,
    ]);
  await automatic(60);
  await world.judge();
  expect(await world.state(id)).toMatchObject({ status: "ok" });
  await automatic(90);
  await world.minute();
  expect(await world.state(id)).toMatchObject({ status: "raised", value: 20 });
});
