import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { inTransaction } from "../../database/transaction.ts";
import { GCORE_TOKEN, startTestGcore } from "./gcore/test-gcore.ts";
import { areProvidersBehind } from "./index.ts";
import { recordSynced } from "./link-store.ts";
import { syncProvider } from "./sync.ts";
import { type Cut, openCutWay } from "./test-cut.ts";
import { openProviderWorld, type ProviderWorld } from "./test-world.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Yesterday at noon: what is older than two months ClickHouse forgets, whatever our clock says. */
const NOON = Math.floor(Date.now() / DAY_MS) * DAY_MS - 12 * HOUR_MS;
const minutesAgo = (minutes: number) => new Date(NOON - minutes * MINUTE_MS);
const START = minutesAgo(-2);

let world: ProviderWorld;
let gcore: Awaited<ReturnType<typeof startTestGcore>>;
beforeAll(async () => {
  [world, gcore] = await Promise.all([openProviderWorld(START), startTestGcore(new Map())]);
  const input = { is_enabled: true, api_token: GCORE_TOKEN, base_url: gcore.url };
  await world.providers.put(world.operator, "gcore", input, () => {});
});
afterAll(() => Promise.all([world.stop(), gcore.stop()]));
beforeEach(async () => {
  world.setTime(START);
  gcore.behave();
  await world.db("provider_link").delete();
});

let resources = 1000;

/** A resource of Gcore's that exists, linked to a distribution of a new account. */
async function linked(since: Date) {
  const distribution = await world.distribution();
  resources += 1;
  const resource = String(resources);
  await link(resource, distribution.id, since);
  return { resource, distribution };
}

function link(resource: string, distributionId: string, since?: Date) {
  return world.links.put(world.operator, { provider: "gcore", resource }, { distribution_id: distributionId, since });
}

test("what Gcore says of a resource is the distribution's traffic, however often it is asked", async () => {
  const { resource, distribution } = await linked(minutesAgo(120));
  gcore.say(resource, minutesAgo(60), { requests: 100, sent_bytes: 5_000, responses_2xx: 90, responses_5xx: 4 });
  gcore.say(resource, minutesAgo(5), { requests: 10, sent_bytes: 700 });
  const synced = await world.sync("gcore");
  expect(synced).toMatchObject({
    outcome: "synced",
    resources: 1,
    points: 2,
    requests: 110,
    bytes_out: 5_700,
    error: null,
  });
  expect(await world.reported(distribution)).toEqual({ requests: 110, bytes_out: 5_700 });
  await world.sync("gcore");
  await Promise.all([world.sync("gcore"), world.sync("gcore")]);
  expect(await world.reported(distribution)).toEqual({ requests: 110, bytes_out: 5_700 });
});

test("what it revises later replaces what was counted, up or down, and its hour and day", async () => {
  const { resource, distribution } = await linked(minutesAgo(300));
  gcore.say(resource, minutesAgo(200), { requests: 50, sent_bytes: 1_000 });
  gcore.say(resource, minutesAgo(10), { requests: 7, sent_bytes: 70 });
  await world.sync("gcore");
  gcore.say(resource, minutesAgo(10), { requests: 3, sent_bytes: 90 });
  await world.sync("gcore");
  expect(await world.reported(distribution)).toEqual({ requests: 53, bytes_out: 1_090 });
  gcore.say(resource, minutesAgo(200), { requests: 60, sent_bytes: 2_000 });
  world.setTime(new Date(START.getTime() + 7 * HOUR_MS));
  await world.sync("gcore");
  expect(await world.reported(distribution)).toEqual({ requests: 63, bytes_out: 2_090 });
});

test("how far all providers have told is known: also of links that have ended, and not of what came after", async () => {
  const { resource } = await linked(minutesAgo(60));
  gcore.say(resource, minutesAgo(30), { requests: 1 });
  expect(await areProvidersBehind(world.db, minutesAgo(60))).toBe(false);
  expect(await areProvidersBehind(world.db, minutesAgo(10))).toBe(true);
  await world.sync("gcore");
  expect(await areProvidersBehind(world.db, minutesAgo(0))).toBe(false);
  expect(await areProvidersBehind(world.db, minutesAgo(-5))).toBe(true);
  await world.links.remove(world.operator, { provider: "gcore", resource });
  expect(await areProvidersBehind(world.db, minutesAgo(-600))).toBe(true);
  world.setTime(minutesAgo(-20));
  await world.sync("gcore");
  expect(await areProvidersBehind(world.db, minutesAgo(-600))).toBe(false);
});

test("a resource that moves to another distribution changes the future only", async () => {
  const { resource, distribution: former } = await linked(minutesAgo(60));
  gcore.say(resource, minutesAgo(30), { requests: 20, sent_bytes: 200 });
  await world.sync("gcore");
  const latter = await world.distribution();
  const { since } = await link(resource, latter.id);
  expect(since).toEqual(minutesAgo(-5));
  gcore.say(resource, minutesAgo(0), { requests: 1, sent_bytes: 10 });
  gcore.say(resource, minutesAgo(-5), { requests: 5, sent_bytes: 50 });
  gcore.say(resource, minutesAgo(30), { requests: 21, sent_bytes: 210 });
  world.setTime(new Date(START.getTime() + 15 * MINUTE_MS));
  await world.sync("gcore");
  expect(await world.reported(former)).toEqual({ requests: 22, bytes_out: 220 });
  expect(await world.reported(latter)).toEqual({ requests: 5, bytes_out: 50 });
});

const STEPS: readonly Cut[] = [0, 1, 2].flatMap((at) => [
  { at, when: "before" },
  { at, when: "after" },
]);

test("who is killed at any step counts nothing twice and loses nothing, though it is revised meanwhile", async () => {
  for (const cut of STEPS) {
    await world.db("provider_link").delete();
    const { resource, distribution } = await linked(minutesAgo(90));
    gcore.say(resource, minutesAgo(80), { requests: 30, sent_bytes: 300 });
    gcore.say(resource, minutesAgo(10), { requests: 40, sent_bytes: 400 });
    const way = await openCutWay(world.clickhouse.url, cut);
    const signal = AbortSignal.timeout(20_000);
    const killed = syncProvider({ ...world.settings, clickhouse: way.clickhouse }, { provider: "gcore" }, signal);
    await expect(killed).rejects.toThrow();
    await way.stop();
    gcore.say(resource, minutesAgo(10), { requests: 44, sent_bytes: 390 });
    await world.sync("gcore");
    expect(await world.reported(distribution), JSON.stringify(cut)).toEqual({ requests: 74, bytes_out: 690 });
  }
});

test("who is killed while the provider has not answered has changed nothing", async () => {
  const { resource, distribution } = await linked(minutesAgo(90));
  gcore.say(resource, minutesAgo(80), { requests: 30, sent_bytes: 300 });
  gcore.misbehave("hang");
  const killed = new AbortController();
  const reason = new Error("killed");
  const before = gcore.asked.length;
  const running = world.sync("gcore", undefined, killed.signal);
  await expect.poll(() => gcore.asked.length).toBeGreaterThan(before);
  killed.abort(reason);
  await expect(running).rejects.toBe(reason);
  expect(await world.reported(distribution)).toEqual({ requests: 0, bytes_out: 0 });
  await world.sync("gcore");
  expect(await world.reported(distribution)).toEqual({ requests: 30, bytes_out: 300 });
});

test("an answer that was asked for earlier replaces none that was asked for later, whoever comes last", async () => {
  const { resource, distribution } = await linked(minutesAgo(90));
  gcore.say(resource, minutesAgo(10), { requests: 1, sent_bytes: 1 });
  const way = await openCutWay(world.clickhouse.url, { at: 0, when: "held" });
  const settings = { ...world.settings, clickhouse: way.clickhouse };
  const overtaken = syncProvider(settings, { provider: "gcore" }, AbortSignal.timeout(20_000));
  await way.reached;
  gcore.say(resource, minutesAgo(10), { requests: 9, sent_bytes: 90 });
  await world.sync("gcore");
  way.release();
  await overtaken;
  await way.stop();
  expect(await world.reported(distribution)).toEqual({ requests: 9, bytes_out: 90 });
});

test("a resource that the provider does not know is left out, with the reason; all others are taken over", async () => {
  const known = await Promise.all(Array.from({ length: 5 }, () => linked(minutesAgo(90))));
  for (const { resource } of known) gcore.say(resource, minutesAgo(10), { requests: 2, sent_bytes: 20 });
  const unknown = await linked(minutesAgo(90));
  const reason = `Gcore answered 400 and said: resource: CDN resource ${unknown.resource} does not exist.`;
  expect(await world.sync("gcore")).toMatchObject({
    outcome: "partly",
    error: null,
    left_out: [{ resource: unknown.resource, error: reason }],
  });
  for (const { distribution } of known)
    expect(await world.reported(distribution)).toEqual({ requests: 2, bytes_out: 20 });
  const [link] = await world.links.list({ provider: "gcore", resource: unknown.resource }, { limit: 1 });
  expect(link).toMatchObject({ syncError: reason, syncedUntil: null });
  expect(await world.providers.get("gcore")).toMatchObject({
    statistics_error: `${unknown.resource} was left out: ${reason}`,
  });
  gcore.say(unknown.resource, minutesAgo(10), { requests: 6, sent_bytes: 60 });
  expect(await world.sync("gcore")).toMatchObject({ outcome: "synced" });
  expect(await world.reported(unknown.distribution)).toEqual({ requests: 6, bytes_out: 60 });
});

test("many that it does not know hide none that it knows, and are asked about one by one from then on", async () => {
  const unknown: string[] = [];
  for (let count = 0; count < 12; count += 1) unknown.push((await linked(minutesAgo(90))).resource);
  const { resource, distribution } = await linked(minutesAgo(90));
  gcore.say(resource, minutesAgo(10), { requests: 2, sent_bytes: 20 });
  expect((await world.sync("gcore")).left_out.map((one) => one.resource)).toEqual(unknown);
  expect(await world.reported(distribution)).toEqual({ requests: 2, bytes_out: 20 });
  const before = gcore.asked.length;
  await world.sync("gcore");
  const named = gcore.asked.slice(before).map(({ url }) => url.searchParams.getAll("resource"));
  expect(named).toEqual([[resource], ...unknown.map((one) => [one])]);
});

test("credentials that are not accepted end it at once; what was counted stays", async () => {
  const { resource, distribution } = await linked(minutesAgo(90));
  gcore.say(resource, minutesAgo(10), { requests: 2, sent_bytes: 20 });
  await world.sync("gcore");
  gcore.misbehave({ status: 401, body: { message: "Token revoked" } });
  const before = gcore.asked.length;
  const error = "Gcore does not accept the credentials: it answered 401 and said: Token revoked.";
  expect(await world.sync("gcore")).toMatchObject({ outcome: "failed", points: 0, error });
  expect(gcore.asked).toHaveLength(before + 1);
  expect(await world.providers.get("gcore")).toMatchObject({ statistics_error: error });
  expect(await world.reported(distribution)).toEqual({ requests: 2, bytes_out: 20 });
});

test("a provider that fails again and again is left alone; one that is disabled or unknown is not asked", async () => {
  await linked(minutesAgo(90));
  gcore.misbehave(...Array.from({ length: 100 }, () => ({ status: 503, body: {} })));
  const before = gcore.asked.length;
  expect(await world.sync("gcore")).toMatchObject({ outcome: "failed", error: "Gcore answered 503." });
  expect(gcore.asked.length - before).toBeLessThanOrEqual(12);
  expect(await world.sync("tm_swift")).toMatchObject({ outcome: "not_configured", points: 0 });
});

/** One request, as often as it is tried. */
const FAILURE = Array.from({ length: 4 }, () => ({ status: 500, body: {} }));
const hoursAgo = (hours: number) => minutesAgo(hours * 60);

async function linkOf(resource: string) {
  const [found] = await world.links.list({ provider: "gcore", resource }, { limit: 1 });
  return found;
}

test("after a piece that failed no later one counts as taken over: the next run begins with it", async () => {
  const { resource, distribution } = await linked(hoursAgo(54));
  for (const hours of [50, 26, 1]) gcore.say(resource, hoursAgo(hours), { requests: 10, sent_bytes: 100 });
  gcore.misbehave(...FAILURE);
  const before = gcore.asked.length;
  expect(await world.sync("gcore")).toMatchObject({ outcome: "failed", points: 0, error: "Gcore answered 500." });
  expect(gcore.asked).toHaveLength(before + FAILURE.length);
  expect(await linkOf(resource)).toMatchObject({ syncedUntil: null, revisedAt: null });
  expect(await areProvidersBehind(world.db, hoursAgo(53))).toBe(true);
  expect(await world.sync("gcore")).toMatchObject({ outcome: "synced", points: 3 });
  expect(await world.reported(distribution)).toEqual({ requests: 30, bytes_out: 300 });
  expect(await linkOf(resource)).toMatchObject({ syncedUntil: minutesAgo(0), revisedAt: START });
  expect(await areProvidersBehind(world.db, minutesAgo(0))).toBe(false);
});

test("what failed after an outage is asked for again, however old it is meanwhile; other links go on", async () => {
  world.setTime(hoursAgo(120));
  const { resource, distribution } = await linked(hoursAgo(122));
  gcore.say(resource, hoursAgo(121), { requests: 1, sent_bytes: 10 });
  await world.sync("gcore");
  const stopped = await linkOf(resource);
  world.setTime(START);
  for (const hours of [110, 90, 1]) gcore.say(resource, hoursAgo(hours), { requests: 10, sent_bytes: 100 });
  const other = await linked(hoursAgo(30));
  for (const hours of [29, 1]) gcore.say(other.resource, hoursAgo(hours), { requests: 4, sent_bytes: 40 });
  // The first piece is taken over, the second is not.
  gcore.misbehave(undefined, ...FAILURE);
  expect(await world.sync("gcore")).toMatchObject({ outcome: "partly", points: 3, error: "Gcore answered 500." });
  expect(await world.reported(other.distribution)).toEqual({ requests: 8, bytes_out: 80 });
  expect(await linkOf(other.resource)).toMatchObject({ syncedUntil: minutesAgo(0) });
  expect(await world.reported(distribution)).toEqual({ requests: 11, bytes_out: 110 });
  const { revisedAt } = stopped ?? {};
  expect(await linkOf(resource)).toMatchObject({ syncedUntil: hoursAgo(96), revisedAt });
  expect(await areProvidersBehind(world.db, hoursAgo(95))).toBe(true);
  expect(await world.sync("gcore")).toMatchObject({ outcome: "synced" });
  expect(await world.reported(distribution)).toEqual({ requests: 31, bytes_out: 310 });
  expect(await areProvidersBehind(world.db, minutesAgo(0))).toBe(false);
});

test("how far it came is noted over no gap, unless nobody can fill it any more", async () => {
  const { resource } = await linked(hoursAgo(54));
  const [id, oldest] = [(await linkOf(resource))?.id ?? "", hoursAgo(1440)];
  async function noted(from: Date, until: Date, since = oldest) {
    const period = { from, until, oldest: since, revisedAt: undefined };
    await inTransaction(world.db, (tx) => recordSynced(tx, [id], period));
    return (await linkOf(resource))?.syncedUntil;
  }
  expect(await noted(hoursAgo(53), hoursAgo(52))).toBeNull();
  expect(await noted(hoursAgo(54), hoursAgo(30))).toEqual(hoursAgo(30));
  expect(await noted(hoursAgo(20), hoursAgo(10))).toEqual(hoursAgo(30));
  expect(await noted(hoursAgo(50), hoursAgo(40))).toEqual(hoursAgo(30));
  expect(await noted(hoursAgo(40), hoursAgo(20))).toEqual(hoursAgo(20));
  expect(await noted(hoursAgo(10), minutesAgo(0), hoursAgo(10))).toEqual(minutesAgo(0));
});
