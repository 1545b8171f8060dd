import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { createLogger } from "../../../platform/log.ts";
import { inTransaction } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { findDelivery } from "./delivery-store.ts";
import { createCourier, createSender, type NotificationEvent, notify } from "./index.ts";
import { answering, startTestReceiver, type TestReceiver, verified } from "./test-receiver.ts";
import { type NotificationWorld, openNotificationWorld } from "./test-world.ts";
import { RETRY_AFTER_MS } from "./webhook-rules.ts";

const HOUR_MS = 3_600_000;
const WAIT = { timeout: 15_000, interval: 10 };
const asItIs = () => {};

let world: NotificationWorld;
let receiver: TestReceiver;
let owner: Caller;
beforeAll(async () => {
  world = await openNotificationWorld();
});
afterAll(() => world.stop());
beforeEach(async (context) => {
  world.resetTime();
  receiver = await startTestReceiver();
  owner = await world.owner(`owner-${context.task.id}`);
});
afterEach(() => receiver.stop());

function hook(more: { url?: string; events?: ("*" | NotificationEvent)[]; is_enabled?: boolean } = {}, who = owner) {
  const input = { url: receiver.url, description: "", events: ["*" as const], is_enabled: true, ...more };
  return world.webhooks.create(who, input);
}

async function happen(event: NotificationEvent = "certificate.issued", who = owner): Promise<void> {
  // So that the newest delivery is the latest.
  world.passTime(1);
  const { accountId } = who;
  const news = { accountId, event, subject: "News", text: "Something happened.", data: { n: 1 }, now: world.clock() };
  await inTransaction(world.db, (tx) => notify(tx, news));
  await world.doJobs();
}

async function deliveriesOf(id: string, who = owner) {
  return world.webhooks.listDeliveries(who, id, { limit: 100 });
}

/** Until the newest delivery is as that. */
function delivery(id: string, expected: object) {
  return vi.waitFor(async () => {
    const [newest] = await deliveriesOf(id);
    expect(newest).toMatchObject(expected);
    return newest;
  }, WAIT);
}

test("a receiver gets what it is for, signed so that the specification's own library verifies it", async () => {
  const { webhook, secret } = await hook({ events: ["domain.lost", "domain.won"] });
  await hook({ is_enabled: false });
  await hook({}, await world.owner("stranger"));
  await happen("certificate.issued");
  await happen("domain.lost");
  const [message, ...others] = await receiver.count(1);
  const done = await delivery(webhook.id, { status: "delivered", nextAttemptAt: null });
  expect(others).toEqual([]);
  if (message === undefined) throw new Error("no message");
  expect(verified(message, secret)).toMatchObject({ type: "domain.lost", data: { n: 1 } });
  expect(() => verified({ ...message, body: message.body.replace("1", "2") }, secret)).toThrow("No matching signature");
  expect(message.headers).toMatchObject({ "content-type": "application/json", "user-agent": "Edgewright-Webhooks/1" });
  expect(message.id).toBe(done?.id);
  expect(done?.attempts).toEqual([{ at: expect.any(String), status_code: 204, error: null, ms: expect.any(Number) }]);
  expect(await deliveriesOf(webhook.id)).toHaveLength(1);
});

test("what is not taken comes again later, under the same id, and its history says so", async () => {
  receiver.behave(answering(500));
  const { webhook, secret } = await hook();
  await happen();
  const failed = await delivery(webhook.id, { status: "pending", attempts: [{ status_code: 500 }] });
  const waitMs = (failed?.nextAttemptAt?.getTime() ?? 0) - world.clock().getTime();
  expect(waitMs).toBeGreaterThan(4_000);
  expect(waitMs).toBeLessThan(6_000);
  expect((await world.webhooks.get(owner, webhook.id)).failingSince).not.toBeNull();

  world.passTime(6_000);
  world.courier.wake();
  await delivery(webhook.id, { status: "delivered", attempts: [{ status_code: 500 }, { status_code: 204 }] });
  const [first, second] = receiver.received;
  expect(second).toMatchObject({ id: first?.id, body: first?.body });
  if (second !== undefined) expect(verified(second, secret).data).toEqual({ n: 1 });
  expect((await world.webhooks.get(owner, webhook.id)).failingSince).toBeNull();
});

/** Until the delivery is over, which takes a day of the world's time. */
async function failForADay(id: string): Promise<void> {
  for (const [index, delayMs] of RETRY_AFTER_MS.entries()) {
    await vi.waitFor(async () => {
      const [newest] = await deliveriesOf(id);
      expect(newest).toMatchObject({ status: "pending", claimedUntil: null });
      expect(newest?.attempts).toHaveLength(index + 1);
    }, WAIT);
    world.passTime(1.2 * delayMs);
    world.courier.wake();
  }
  await delivery(id, { status: "failed", nextAttemptAt: null });
}

test("a delivery is given up after a day, a webhook after three, and its owners get a letter", async () => {
  receiver.behaveAlways(answering(502));
  const { webhook } = await hook();
  const healthy = await startTestReceiver();
  await hook({ url: healthy.url, events: ["webhook.disabled"] });
  await happen();
  await failForADay(webhook.id);
  expect(receiver.received).toHaveLength(RETRY_AFTER_MS.length + 1);
  expect(await world.webhooks.get(owner, webhook.id)).toMatchObject({ isEnabled: true });

  world.passTime(60 * HOUR_MS);
  await happen();
  await failForADay(webhook.id);
  const disabled = await world.webhooks.get(owner, webhook.id);
  expect(disabled).toMatchObject({ isEnabled: false, updatedBy: null });
  expect(disabled.disabledReason).toContain("Nothing could be delivered since");
  await world.doJobs();
  const letter = world.mail.received.find(({ content }) => content.includes("The webhook at 127.0.0.1 is disabled"));
  expect(letter?.to[0]).toMatch(/^owner-/);
  expect((await healthy.count(1))[0]?.body).toContain(webhook.id);
  const { action } = await world.db("audit_entry").where({ resource_id: webhook.id, user_id: null }).first();
  expect(action).toBe("webhook.disable");

  await happen();
  expect(await deliveriesOf(webhook.id)).toHaveLength(2);
  await healthy.stop();
});

test("a receiver that is gone is asked no more, and what waited for it is given up", async () => {
  receiver.behave(answering(500), answering(410));
  const { webhook } = await hook();
  await happen();
  await delivery(webhook.id, { attempts: [{ status_code: 500 }] });
  await happen();
  await vi.waitFor(async () => {
    expect(await world.webhooks.get(owner, webhook.id)).toMatchObject({ isEnabled: false });
  }, WAIT);
  expect((await deliveriesOf(webhook.id)).map(({ status, nextAttemptAt }) => [status, nextAttemptAt])).toEqual([
    ["failed", null],
    ["failed", null],
  ]);
  const enabled = await world.webhooks.update(owner, webhook.id, { is_enabled: true }, asItIs);
  expect(enabled).toMatchObject({ isEnabled: true, disabledReason: null, failingSince: null });
  await happen();
  await delivery(webhook.id, { status: "delivered" });
});

test("after a rotation both secrets verify until the overlap is over, then the new one alone", async () => {
  const { webhook, secret: former } = await hook();
  const { secret } = await world.webhooks.rotateSecret(owner, webhook.id, { overlap_hours: 24 });
  expect(secret).not.toBe(former);
  await happen();
  const [both] = await receiver.count(1);
  if (both === undefined) throw new Error("no message");
  expect(verified(both, secret)).toEqual(verified(both, former));

  const { secret: third } = await world.webhooks.rotateSecret(owner, webhook.id, { overlap_hours: 0 });
  await happen();
  const [, alone] = await receiver.count(2);
  if (alone === undefined) throw new Error("no second message");
  expect(verified(alone, third).type).toBe("certificate.issued");
  expect(() => verified(alone, secret)).toThrow("No matching signature");

  await world.webhooks.rotateSecret(owner, webhook.id, { overlap_hours: 1 });
  world.passTime(HOUR_MS);
  await happen();
  const [, , after] = await receiver.count(3);
  expect(String(after?.headers["webhook-signature"]).split(" ")).toHaveLength(1);
});

test("a test is sent once, also to a webhook that is disabled, and counts for nothing", async () => {
  receiver.behave(answering(404));
  const { webhook, secret } = await hook({ is_enabled: false });
  const { id } = await world.webhooks.sendTest(owner, webhook.id);
  await world.doJobs();
  await delivery(webhook.id, { id, status: "failed", attempts: [{ status_code: 404 }] });
  expect(await world.webhooks.get(owner, webhook.id)).toMatchObject({ failingSince: null });
  const [message] = receiver.received;
  if (message === undefined) throw new Error("no message");
  expect(verified(message, secret)).toMatchObject({ type: "webhook.test", data: { webhook_id: webhook.id } });
});

test("what a courier had in hand when it died is sent when its claim is over", async () => {
  const { webhook } = await hook();
  const held = await startTestReceiver();
  held.behaveAlways(() => {});
  await world.webhooks.update(owner, webhook.id, { url: held.url }, asItIs);
  await happen();
  const [{ id } = { id: "" }] = await held.count(1);
  // As a process leaves it that was killed: claimed, and nobody at it.
  await held.stop();
  await delivery(webhook.id, { attempts: [{ status_code: null }] });
  const claim = { next_attempt_at: world.clock(), claimed_until: new Date(world.clock().getTime() + 60_000) };
  await world.db("webhook_delivery").where({ id }).update(claim);
  await world.webhooks.update(owner, webhook.id, { url: receiver.url }, asItIs);
  const other = await hook({ events: ["domain.won"] });
  await happen("domain.won");
  await delivery(other.webhook.id, { status: "delivered" });
  expect(receiver.received.map((message) => message.id)).not.toContain(id);

  world.passTime(61_000);
  world.courier.wake();
  await vi.waitFor(async () => {
    expect(await findDelivery(world.db, { webhookId: webhook.id, id })).toMatchObject({ status: "delivered" });
  }, WAIT);
});

test("couriers that share the work send each delivery once; one that stops lets go of what it has", async () => {
  const log = createLogger({ role: "test", level: "silent" });
  const { db, seal, clock } = world;
  const second = createCourier({ db, seal, clock, send: createSender({ allowPrivateOrigins: true }), log });
  const working = second.start();
  const { webhook } = await hook();
  for (let n = 0; n < 10; n += 1) await happen();
  second.wake();
  await vi.waitFor(async () => {
    expect((await deliveriesOf(webhook.id)).map(({ status }) => status)).toEqual(Array(10).fill("delivered"));
  }, WAIT);
  expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(10);
  expect(receiver.received).toHaveLength(10);
  await working.stop();

  await world.pauseCourier();
  const third = createCourier({ db, seal, clock, send: createSender({ allowPrivateOrigins: true }), log });
  const stopping = third.start();
  receiver.behave(() => void stopping.stop());
  await happen();
  third.wake();
  await receiver.count(11);
  await stopping.stop();
  await delivery(webhook.id, { status: "pending", attempts: [], claimedUntil: null });
  world.resumeCourier();
  await delivery(webhook.id, { status: "delivered" });
});

test("a webhook for which too many wait gets no more, and its history says so", async () => {
  await world.pauseCourier();
  const { webhook } = await hook();
  await world.db.raw(
    `insert into webhook_delivery (id, webhook_id, account_id, event, body, status, attempts, next_attempt_at, created_at)
     select gen_random_uuid(), ?, ?, 'domain.won', '{}', 'pending', '[]', now() + interval '1 day', now() - interval '1 day'
     from generate_series(1, 5000)`,
    [webhook.id, owner.accountId],
  );
  await happen();
  const [refused] = await deliveriesOf(webhook.id);
  expect(refused).toMatchObject({ status: "failed", nextAttemptAt: null });
  expect(refused?.attempts[0]?.error).toContain("5000 others wait");
  world.resumeCourier();
});

test("slow receivers of one account leave room for those of others", async () => {
  const slow = await startTestReceiver();
  slow.behaveAlways(() => {});
  await hook({ url: slow.url });
  for (let n = 0; n < 8; n += 1) await happen();
  await slow.count(4);
  const other = await world.owner("quick");
  const { webhook } = await hook({}, other);
  await happen("certificate.issued", other);
  await vi.waitFor(async () => {
    expect((await deliveriesOf(webhook.id, other))[0]).toMatchObject({ status: "delivered" });
  }, WAIT);
  expect(slow.received).toHaveLength(4);
  await slow.stop();
});
