import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { purgeBodySchema } from "../../../agents/contract.ts";
import {
  createDistribution,
  createEdge,
  createGroup,
  createTestWorld,
  feedIdOf,
  recordsOf,
  report,
  scopeOf,
  type TestWorld,
} from "../deployment/test-world.ts";
import { openFeed } from "../feed/feed.ts";
import { createFeedRebuild } from "../feed/index.ts";
import { appendWaiting } from "./append.ts";
import { renumberPurges } from "./delivery-store.ts";
import { foldPurges, forgetPurges } from "./forget.ts";
import { purgeRestored } from "./restored.ts";
import { createPurgeService, type PurgeService } from "./service.ts";

const DAY_MS = 24 * 3_600_000;
const MINUTE_MS = 60_000;
const forever = new AbortController().signal;

let world: TestWorld;
let purges: PurgeService;
let group: string;
let id: string;

beforeAll(async () => {
  world = await createTestWorld();
  purges = createPurgeService(world);
  group = await createGroup(world, "paris");
});
afterAll(() => world?.stop());
beforeEach(async () => {
  world.passTime(2 * MINUTE_MS);
  id = await deployed();
});

const settings = () => ({ ...world, announce: (scope: string) => void world.announced.push(scope) });
const append = () => appendWaiting(settings());

async function deployed(): Promise<string> {
  const distributionId = await createDistribution(world, `${randomUUID()}.example.com`);
  await world.compiler.deploy([distributionId]);
  return distributionId;
}

async function purged(input: Parameters<PurgeService["request"]>[2], of = id): Promise<string> {
  return (await purges.request(world.customer, of, input)).id;
}

async function recordOf(recordId: string, scope = group) {
  return (await recordsOf(world, scope)).find((record) => record.kind === "purge" && record.id === recordId);
}

async function bodyOf(recordId: string, scope = group) {
  return purgeBodySchema.parse(JSON.parse((await recordOf(recordId, scope))?.body ?? "null"));
}

async function rebuildFeed(): Promise<void> {
  await createFeedRebuild({ ...settings(), renumber: renumberPurges })(await feedIdOf(world), forever);
}

const readBack = (purgeId: string) => purges.get(world.customer, { id, purgeId });
const newest = async (scope = group) => (await scopeOf(world, scope)).rev;

describe("a purge that waits", () => {
  test("is appended to every group that has the distribution, which is woken, and to no other", async () => {
    const lyon = await createGroup(world, randomUUID());
    const purgeId = await purged({ urls: ["/a?x=1"] });
    world.announced.length = 0;
    await append();
    const body = await bodyOf(purgeId);
    expect(body).toMatchObject({ distribution: id, urls: ["/a?x=1"] });
    expect(body.epoch).toBeGreaterThan(Date.now());
    expect(await recordOf(purgeId)).toMatchObject({ op: "put", source_version: body.epoch });
    expect(await recordOf(purgeId, lyon)).toBeUndefined();
    expect(world.announced).toEqual([group]);
  });

  test("is appended once, however often its job comes", async () => {
    const purgeId = await purged({ all: true });
    await Promise.all([append(), append(), append()]);
    const before = await recordOf(purgeId);
    await append();
    expect(await recordOf(purgeId)).toEqual(before);
  });

  test("goes with all others that wait, in one batch", async () => {
    const other = await deployed();
    const ids = [await purged({ tags: ["a"] }), await purged({ all: true }, other), await purged({ prefixes: ["/"] })];
    const before = await newest();
    await append();
    expect(await newest()).toBe(before + 3);
    for (const purgeId of ids) expect(await recordOf(purgeId)).toMatchObject({ op: "put" });
  });

  test("goes by the same job where one batch has no room for its bytes", async () => {
    const ids = [await purged({ tags: ["a"] }), await purged({ tags: ["b"] }), await purged({ tags: ["c"] })];
    await world.db("purge").whereIn("id", ids).update({ bytes: 3_000_000 });
    world.announced.length = 0;
    await append();
    expect(world.announced.filter((scope) => scope === group)).toHaveLength(2);
    for (const purgeId of ids) expect(await recordOf(purgeId)).toMatchObject({ op: "put" });
  });

  test("of a distribution that no group has is done", async () => {
    const nowhere = await createDistribution(world, `${randomUUID()}.example.com`);
    const purgeId = await purged({ all: true }, nowhere);
    await append();
    const place = { id: nowhere, purgeId };
    expect(await purges.get(world.customer, place)).toMatchObject({ status: "done", edges: [] });
  });
});

describe("whoever waits for purges", () => {
  test("shares one look with all others of the process, and reads the own one once it is done", async () => {
    const edge = await createEdge(world, group);
    await report(world, edge, { applied: 0 });
    const ids = await Promise.all(Array.from({ length: 20 }, () => purged({ tags: ["a"] })));
    const queries: string[] = [];
    const note = ({ sql }: { sql: string }) => void queries.push(sql);
    world.db.on("query", note);
    const limits = { waitSeconds: 20, signal: forever };
    const waits = ids.map((purgeId) => purges.untilDone(world.customer, { id, purgeId }, limits));
    const looks = () => queries.filter((sql) => sql.includes('from "purge" where "id" in')).length;
    await expect.poll(looks).toBeGreaterThan(2);
    await append();
    await report(world, edge, { applied: await newest() });
    expect((await Promise.all(waits)).map(({ status }) => status)).toEqual(ids.map(() => "done"));
    world.db.off("query", note);
    expect(queries.filter((sql) => /from "purge" where "id" = \$1 and "distribution_id" = \$2/.test(sql))).toHaveLength(
      20,
    );
  });

  test("is answered when the time is over, too", async () => {
    const purgeId = await purged({ all: true });
    const limits = { waitSeconds: 20, signal: AbortSignal.abort() };
    expect(await purges.untilDone(world.customer, { id, purgeId }, limits)).toMatchObject({ status: "pending" });
  });
});

describe("a purge tells how far it got", () => {
  test("pending, purging until every edge that answers has it, then done, edge by edge", async () => {
    const [one, other] = [await createEdge(world, group, "one"), await createEdge(world, group, "other")];
    const away = await createEdge(world, group, "away");
    await report(world, away, { applied: 0 });
    world.passTime(2 * MINUTE_MS);
    const purgeId = await purged({ all: true });
    expect(await readBack(purgeId)).toMatchObject({ status: "pending", edges: [] });
    await append();
    await report(world, other, { applied: 0 });
    await report(world, one, { applied: await newest() });
    const told = await readBack(purgeId);
    expect(told).toMatchObject({
      status: "purging",
      done_at: null,
      providers: [{ name: "gotipath", status: "purging" }],
    });
    expect(Object.fromEntries(told.edges.map(({ edge, state }) => [edge, state]))).toMatchObject({
      ...{ one: "done", other: "waiting", away: "unseen" },
    });
    await report(world, other, { applied: await newest() });
    expect(await readBack(purgeId)).toMatchObject({ status: "done", done_at: expect.any(String) });
    expect((await purges.list(world.customer, id, { limit: 1 })).data).toMatchObject([{ id: purgeId, status: "done" }]);
    expect((await readBack(purgeId)).edges.find(({ edge }) => edge === "away")).toMatchObject({ state: "unseen" });
  });

  test("failed, with the reason, where an edge refuses it", async () => {
    const edge = await createEdge(world, group, randomUUID());
    const purgeId = await purged({ all: true });
    await append();
    const rev = (await recordOf(purgeId))?.rev ?? 0;
    const refused = [{ kind: "purge" as const, id: purgeId, rev, stage: "push" as const, message: "no memory" }];
    await report(world, edge, { applied: await newest(), refused });
    const told = await readBack(purgeId);
    expect(told).toMatchObject({ status: "failed" });
    expect(told.edges.find(({ edge_id }) => edge_id === edge.edgeId)).toMatchObject({
      ...{ state: "refused", reason: "push: no memory" },
    });
  });

  test("by the new numbers after the feed was made anew", async () => {
    const edge = await createEdge(world, group, randomUUID());
    const purgeId = await purged({ all: true });
    await append();
    const before = (await recordOf(purgeId))?.rev ?? 0;
    await world.db("feed").update({ feed_id: randomUUID(), rebuilding: true });
    await rebuildFeed();
    const after = (await recordOf(purgeId))?.rev ?? 0;
    expect(after).toBeGreaterThan(before);
    await report(world, edge, { applied: after - 1 });
    expect((await readBack(purgeId)).edges.find((one) => one.edge_id === edge.edgeId)?.state).toBe("waiting");
    await report(world, edge, { applied: after });
    expect((await readBack(purgeId)).edges.find((one) => one.edge_id === edge.edgeId)?.state).toBe("done");
  });
});

describe("a group that gets a distribution which was purged before", () => {
  test("gets its last epoch as one mark, before the document", async () => {
    await purged({ urls: ["/a"] });
    const last = await purged({ urls: ["/b"] });
    await append();
    const { epoch } = await bodyOf(last);
    const lyon = await createGroup(world, randomUUID());
    await world.compiler.deploy([id]);
    const document = (await recordsOf(world, lyon)).find((record) => record.kind === "document" && record.id === id);
    expect(await bodyOf(id, lyon)).toEqual({ format: 1, distribution: id, epoch, all: true });
    expect((await recordOf(id, lyon))?.rev).toBeLessThan(document?.rev ?? 0);
  });

  test("needs none after a month, nor where the document just changes", async () => {
    await purged({ all: true });
    await append();
    await world.distributions.update(world.customer, id, { host_header: "other.example.com" });
    await world.compiler.deploy([id]);
    expect(await recordOf(id)).toBeUndefined();
    world.passTime(32 * DAY_MS);
    const lyon = await createGroup(world, randomUUID());
    await world.compiler.deploy([id]);
    expect(await recordOf(id, lyon)).toBeUndefined();
  });
});

test("after a restore whatever was ever purged is purged as a whole: what came since the backup is not known", async () => {
  const purgeId = await purged({ urls: ["/a"] });
  await append();
  const never = await deployed();
  world.passTime(MINUTE_MS);
  await world.db("feed").update({ database_identity: "another database" });
  await openFeed(world.db, { signer: world.signer, now: world.clock() });
  expect(await world.db("outbox").where({ job: "feed.restored" })).toMatchObject([{ payload: { after: null } }]);
  await rebuildFeed();
  await purgeRestored(settings(), null);
  const fold = await bodyOf(id);
  expect(fold).toMatchObject({ all: true, distribution: id });
  expect(fold.epoch).toBeGreaterThan((await bodyOf(purgeId)).epoch);
  expect(await recordOf(never)).toBeUndefined();
  const next = await purged({ urls: ["/b"] });
  await append();
  expect((await bodyOf(next)).epoch).toBeGreaterThan(fold.epoch);
});

describe("what is needless becomes a tombstone", () => {
  test("older purges behind a purge of everything, and those of others stay", async () => {
    const neighbour = await deployed();
    const stays = await purged({ tags: ["a"] }, neighbour);
    const older = [await purged({ tags: ["a"] }), await purged({ urls: ["/a"] })];
    await append();
    const all = await purged({ all: true });
    expect(await world.db("outbox").where({ job: "purge.fold" })).toHaveLength(1);
    const newer = await purged({ tags: ["b"] });
    await foldPurges(settings(), id, forever);
    const allRev = (await recordOf(all))?.rev ?? 0;
    for (const purgeId of older) {
      const record = await recordOf(purgeId);
      expect(record).toMatchObject({ op: "del" });
      expect(record?.rev).toBeGreaterThan(allRev);
    }
    for (const purgeId of [all, newer, stays]) expect(await recordOf(purgeId)).toMatchObject({ op: "put" });
    expect(await world.db("purge_head").where({ distribution_id: id }).first()).toMatchObject({ marks: 2 });
  });

  test("the older half of too many, behind one mark of the newest of them", async () => {
    const ids: string[] = [];
    for (let count = 0; count < 10; count += 1) ids.push(await purged({ tags: [`tag-${count}`] }));
    await append();
    const middle = (await bodyOf(ids[4] ?? "")).epoch;
    await foldPurges({ ...settings(), marksMax: 9 }, id, forever);
    expect(await bodyOf(id)).toEqual({ format: 1, distribution: id, epoch: middle, all: true });
    const foldRev = (await recordOf(id))?.rev ?? 0;
    const records = await Promise.all(ids.map((purgeId) => recordOf(purgeId)));
    expect(records.map((record) => record?.op)).toEqual([...Array(5).fill("del"), ...Array(5).fill("put")]);
    expect(Math.min(...records.slice(0, 5).map((record) => record?.rev ?? 0))).toBeGreaterThan(foldRev);
    await foldPurges({ ...settings(), marksMax: 9 }, id, forever);
    expect((await recordOf(id))?.rev).toBe(foldRev);
  });

  test("not before an edge that is behind would have it by the mark: until then it is waiting", async () => {
    const edge = await createEdge(world, group, randomUUID());
    const purgeId = await purged({ tags: ["a"] });
    await append();
    const rev = (await recordOf(purgeId))?.rev ?? 0;
    await purged({ all: true });
    await foldPurges(settings(), id, forever);
    await report(world, edge, { applied: rev });
    const stateOf = async () => (await readBack(purgeId)).edges.find((one) => one.edge_id === edge.edgeId)?.state;
    expect(await stateOf()).toBe("waiting");
    await report(world, edge, { applied: await newest() });
    expect(await stateOf()).toBe("done");
  });

  test("all of it after a month; after three it is not listed any more", async () => {
    const purgeId = await purged({ all: true });
    await append();
    const lyon = await createGroup(world, randomUUID());
    await world.compiler.deploy([id]);
    world.passTime(30 * DAY_MS);
    await forgetPurges(settings(), forever);
    expect(await recordOf(purgeId)).toMatchObject({ op: "put" });
    world.passTime(2 * DAY_MS);
    await forgetPurges(settings(), forever);
    expect(await recordOf(purgeId)).toMatchObject({ op: "del" });
    expect(await recordOf(id, lyon)).toMatchObject({ op: "del" });
    expect(await world.db("purge_head").where({ distribution_id: id }).first()).toMatchObject({ marks: 0 });
    expect((await purges.list(world.customer, id, { limit: 10 })).data).toHaveLength(1);
    world.passTime(60 * DAY_MS);
    await forgetPurges(settings(), forever);
    expect((await purges.list(world.customer, id, { limit: 10 })).data).toEqual([]);
  });
});
