import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type NotificationWorld, openNotificationWorld } from "../notification/test-world.ts";
import { expiryHandlers } from "./expiry.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WAIT = { timeout: 15_000, interval: 20 };

let world: NotificationWorld;
let accountId: string;
beforeAll(async () => {
  world = await openNotificationWorld();
});
afterAll(() => world.stop());
beforeEach(async (context) => {
  world.resetTime();
  ({ accountId } = await world.owner(`owner-${context.task.id}`));
});

interface Planted {
  readonly left: number;
  readonly lifetime?: number;
  readonly more?: Readonly<Record<string, unknown>>;
}

/** With so many days left. */
async function plant({ left, lifetime = 365, more = {} }: Planted): Promise<string> {
  const id = randomUUID();
  const notAfter = new Date(world.clock().getTime() + left * DAY_MS);
  await world.db("certificate").insert({
    ...{ id, account_id: accountId, name: `c-${id}`, names: JSON.stringify(["shop.example.com"]) },
    ...{ is_automatic: false, key_type: "ecdsa", status: "active", chain: "PEM", fingerprint: id, version: 1 },
    ...{ not_after: notAfter, not_before: new Date(notAfter.getTime() - lifetime * DAY_MS) },
    ...{ created_at: world.clock(), updated_at: world.clock(), ...more },
  });
  return id;
}

async function look(signal = AbortSignal.timeout(20_000)): Promise<void> {
  const [handler] = expiryHandlers(world);
  await handler?.run({}, signal);
}

/** What the letters say about it, the oldest first; those that were gathered are written by then. */
async function letters(id: string): Promise<readonly string[]> {
  await world.doJobs();
  world.passTime(HOUR_MS);
  await world.writeGathered();
  await world.doJobs();
  return world.mail.received.flatMap(({ content }) => {
    const at = content.indexOf(`c-${id}`);
    return at < 0 ? [] : [/expires in \d+ days?|has expired/.exec(content.slice(at))?.[0] ?? "?"];
  });
}

test("in the month before its end the owners get a letter 30, 14, 7, 3 and 1 days ahead, and no other", async () => {
  const id = await plant({ left: 31.5 });
  for (let hours = 0; hours < 33 * 24; hours += 6) {
    await look();
    await world.doJobs();
    world.passTime(6 * HOUR_MS);
  }
  expect(await letters(id)).toEqual([
    "expires in 30 days",
    "expires in 14 days",
    "expires in 7 days",
    "expires in 3 days",
    "expires in 1 day",
  ]);
});

test("after a schedule that stood still only the most urgent is said, and not the older ones later", async () => {
  const id = await plant({ left: 40 });
  await look();
  world.passTime(35 * DAY_MS);
  await look();
  await look();
  expect(await letters(id)).toEqual(["expires in 5 days"]);
  world.passTime(6 * DAY_MS);
  await look();
  await look();
  expect(await letters(id)).toEqual(["expires in 5 days", "has expired"]);
});

test("a certificate in its place is another one: it is warned of anew when its own time comes", async () => {
  const id = await plant({ left: 6 });
  await look();
  const renewed = { fingerprint: "other", version: 2, not_after: new Date(world.clock().getTime() + 90 * DAY_MS) };
  await world.db("certificate").where({ id }).update(renewed);
  await look();
  expect(await letters(id)).toEqual(["expires in 6 days"]);
  await world.db("certificate").where({ id }).update({ version: 3 });
  world.passTime(84 * DAY_MS);
  await look();
  expect(await letters(id)).toEqual(["expires in 6 days", "expires in 6 days"]);
});

test("an automatic one is warned of when it was not renewed in time, with the reason", async () => {
  const reason = "The authority finds no way to it: point the name here again.";
  const failing = await plant({ left: 6, lifetime: 90, more: { is_automatic: true, status_reason: reason } });
  const healthy = await plant({ left: 12, lifetime: 45, more: { is_automatic: true } });
  await look();
  expect(await letters(healthy)).toEqual([]);
  expect(await letters(failing)).toEqual(["expires in 6 days"]);
  const letter = world.mail.received.find(({ content }) => content.includes(`c-${failing}`));
  expect(letter?.content).toContain(reason);
});

test("of what is deleted, revoked, the platform's own or long over nobody is told", async () => {
  await plant({ left: 6, more: { deleted_at: world.clock() } });
  await plant({ left: 6, more: { status: "revoked" } });
  await plant({ left: 6, more: { account_id: null } });
  await plant({ left: -31 });
  const before = world.mail.received.length;
  await look();
  await world.doJobs();
  expect(world.mail.received).toHaveLength(before);
});

test("looks at the same time tell each owner once", async () => {
  const ids = [await plant({ left: 2 }), await plant({ left: 2 }), await plant({ left: 2 })];
  await Promise.all([look(), look(), look()]);
  for (const id of ids) expect(await letters(id)).toEqual(["expires in 2 days"]);
});

test("a look that is killed between two certificates has told of the first, and the next look tells of the others", async () => {
  const planted = [await plant({ left: 2 }), await plant({ left: 2 }), await plant({ left: 2 })];
  const [first = "", second = "", third = ""] = planted.sort();
  const told = () => world.db("notification").where({ account_id: accountId });
  const other = await world.db.transaction();
  await other("certificate").where({ id: second }).forUpdate().first();
  const killed = look();
  const outcome = killed.catch(() => "killed");
  await vi.waitFor(async () => {
    expect(await told()).toHaveLength(1);
    const { rows } = await world.db.raw(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    expect(rows).toHaveLength(1);
  }, WAIT);
  expect(await outcome).toBe("killed");
  await other.rollback();
  expect(await letters(first)).toEqual(["expires in 2 days"]);
  expect(await letters(second)).toEqual([]);
  await look();
  for (const id of [first, second, third]) expect(await letters(id)).toEqual(["expires in 2 days"]);
});

test("programs read what ends when", async () => {
  const id = await plant({ left: 2 });
  await look();
  const { event, details } = await world.db("notification").where({ account_id: accountId }).first();
  expect(event).toBe("certificate.expiring");
  expect(details).toMatchObject({ certificate_id: id, names: ["shop.example.com"], days_left: 2, used_by: [] });
});
