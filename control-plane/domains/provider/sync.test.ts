import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { GCORE_TOKEN, startTestGcore } from "./gcore/test-gcore.ts";
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
beforeEach(() => world.setTime(START));

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

const sumsRow = z.object({ requests: z.coerce.number(), bytes_out: z.coerce.number() });

/** What the reports read, by each of the three tables. */
async function reported({ id, accountId }: { id: string; accountId: string }) {
  const sums = await Promise.all(
    ["minute", "hour", "day"].flatMap((table) =>
      [id, "00000000-0000-0000-0000-000000000000"].map(async (distributionId) => {
        const [row] = await world.rows(
          sumsRow,
          `SELECT sum(requests) AS requests, sum(bytes_out) AS bytes_out FROM reported_traffic_${table}
           WHERE account_id = '${accountId}' AND dimension = 'all' AND distribution_id = '${distributionId}'`,
        );
        return row ?? { requests: 0, bytes_out: 0 };
      }),
    ),
  );
  const [first] = sums;
  for (const other of sums) expect(other).toEqual(first);
  return first;
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
  expect(await reported(distribution)).toEqual({ requests: 110, bytes_out: 5_700 });
  await world.sync("gcore");
  await Promise.all([world.sync("gcore"), world.sync("gcore")]);
  expect(await reported(distribution)).toEqual({ requests: 110, bytes_out: 5_700 });
});

test("what it revises later replaces what was counted, up or down, and its hour and day", async () => {
  const { resource, distribution } = await linked(minutesAgo(300));
  gcore.say(resource, minutesAgo(200), { requests: 50, sent_bytes: 1_000 });
  gcore.say(resource, minutesAgo(10), { requests: 7, sent_bytes: 70 });
  await world.sync("gcore");
  gcore.say(resource, minutesAgo(10), { requests: 3, sent_bytes: 90 });
  await world.sync("gcore");
  expect(await reported(distribution)).toEqual({ requests: 53, bytes_out: 1_090 });
  gcore.say(resource, minutesAgo(200), { requests: 60, sent_bytes: 2_000 });
  world.setTime(new Date(START.getTime() + 7 * HOUR_MS));
  await world.sync("gcore");
  expect(await reported(distribution)).toEqual({ requests: 63, bytes_out: 2_090 });
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
  expect(await reported(former)).toEqual({ requests: 22, bytes_out: 220 });
  expect(await reported(latter)).toEqual({ requests: 5, bytes_out: 50 });
});
