import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Refusal } from "../../../agents/contract.ts";
import type { EdgeCaller } from "../../http/caller.ts";
import { explainDeployment, readDeployment } from "./read-model.ts";
import { reconcile } from "./reconcile.ts";
import {
  createDistribution,
  createEdge,
  createGroup,
  createTestWorld,
  log,
  recordsOf,
  report,
  scopeOf,
  type TestWorld,
} from "./test-world.ts";

const MINUTE_MS = 60_000;
let world: TestWorld;
let group: string;
let edge: EdgeCaller;
let count = 0;

beforeAll(async () => {
  world = await createTestWorld();
  group = await createGroup(world, "paris");
  edge = await createEdge(world, group, "edge-1");
});
afterAll(() => world?.stop());

// Edges of the tests before are out of sight.
beforeEach(() => world.passTime(2 * MINUTE_MS));

async function deployed(): Promise<string> {
  count += 1;
  const id = await createDistribution(world, `www${count}.example.com`);
  await world.compiler.deploy([id]);
  return id;
}

async function change(id: string): Promise<void> {
  count += 1;
  await world.distributions.update(world.customer, id, { host_header: `host${count}.example.com` });
  await world.compiler.deploy([id]);
}

async function statusOf(id: string): Promise<{ status: string; status_reason: string | null }> {
  const row: { status: string; status_reason: string | null } | undefined = await world
    .db("distribution")
    .where({ id })
    .first("status", "status_reason");
  if (row === undefined) throw new Error("no such distribution");
  return row;
}

async function revOf(id: string): Promise<number> {
  const record = (await recordsOf(world, group)).find((known) => known.id === id);
  if (record === undefined) throw new Error("nothing was appended");
  return record.rev;
}

async function jobs(job: string): Promise<{ payload: Record<string, unknown> }[]> {
  return world.db("outbox").where({ job });
}

const newest = async () => (await scopeOf(world, group)).rev;

async function aRefusal(id: string): Promise<Refusal> {
  return { kind: "document", id, rev: await revOf(id), stage: "probe", message: "answered 502" };
}

describe("a change", () => {
  test("is deploying until every edge that was seen lately has applied it, then active", async () => {
    const id = await deployed();
    expect(await statusOf(id)).toMatchObject({ status: "deploying" });
    const second = await createEdge(world, group, "edge-2");
    await report(world, second, { applied: 0 });
    await report(world, edge, { applied: await newest() });
    expect(await statusOf(id)).toMatchObject({ status: "deploying" });
    await report(world, second, { applied: await newest() });
    expect(await statusOf(id)).toMatchObject({ status: "active" });
  });

  test("is active without an edge that was not seen for a minute", async () => {
    const gone = await createEdge(world, group, "edge-3");
    await report(world, gone, { applied: 0 });
    const id = await deployed();
    world.passTime(61_000);
    await report(world, edge, { applied: await newest() });
    expect(await statusOf(id)).toMatchObject({ status: "active" });
  });

  test("becomes active with a heartbeat, once the edge that held it up is out of sight", async () => {
    const slow = await createEdge(world, group, "edge-4");
    await report(world, slow, { applied: 0 });
    const id = await deployed();
    await report(world, edge, { applied: await newest() });
    expect(await statusOf(id)).toMatchObject({ status: "deploying" });
    world.passTime(61_000);
    await report(world, edge, { applied: await newest() });
    expect(await statusOf(id)).toMatchObject({ status: "active" });
  });

  test("that compiles to the same appends nothing and stays active", async () => {
    const id = await deployed();
    await report(world, edge, { applied: await newest() });
    const before = await newest();
    await world.distributions.update(world.customer, id, { label: "Another label" });
    await world.compiler.deploy([id]);
    expect(await newest()).toBe(before);
    expect(await statusOf(id)).toMatchObject({ status: "active" });
    expect(await readDeployment(world.db, id, world.clock())).toMatchObject({ version: 2, state: "active" });
  });

  test("that was compiled from an older snapshot than what is deployed changes nothing", async () => {
    const id = await deployed();
    await world.db("distribution").where({ id }).update({ version: 5, host_header: "newest.example.com" });
    await world.compiler.deploy([id]);
    const rev = await revOf(id);
    await world.db("distribution").where({ id }).update({ version: 4, host_header: "older.example.com" });
    await world.compiler.deploy([id]);
    expect(await revOf(id)).toBe(rev);
  });

  test("wakes the agents of its group", async () => {
    world.announced.length = 0;
    const id = await deployed();
    expect(world.announced).toEqual([group]);
    await world.compiler.deploy([id]);
    expect(world.announced).toEqual([group]);
  });
});

describe("a removed distribution", () => {
  test("is deleted, and its name free, once the edges have let go", async () => {
    const id = await deployed();
    await report(world, edge, { applied: await newest() });
    await world.distributions.remove(world.customer, id);
    await world.compiler.deploy([id]);
    expect(await statusOf(id)).toMatchObject({ status: "deleting" });
    expect((await recordsOf(world, group)).find((record) => record.id === id)).toMatchObject({ op: "del", body: "" });
    await report(world, edge, { applied: await newest() });
    expect(await statusOf(id)).toMatchObject({ status: "deleted" });
  });

  test("that was never deployed is deleted at once", async () => {
    const id = await createDistribution(world, "never.example.com");
    await world.distributions.remove(world.customer, id);
    await world.compiler.deploy([id]);
    expect(await statusOf(id)).toMatchObject({ status: "deleted" });
  });
});

describe("a document that does not compile", () => {
  async function spoil(id: string): Promise<void> {
    await world
      .db("distribution")
      .where({ id })
      .update({ domain: "not a host", version: world.db.raw("version + 1") });
    await world.compiler.deploy([id]);
  }

  test("fails its distribution with the reason, and the last good one stays", async () => {
    const id = await deployed();
    await report(world, edge, { applied: await newest() });
    const rev = await revOf(id);
    await spoil(id);
    expect(await statusOf(id)).toMatchObject({ status: "failed", status_reason: expect.stringMatching(/hosts/) });
    expect(await revOf(id)).toBe(rev);
    await report(world, edge, { applied: await newest() });
    expect(await statusOf(id)).toMatchObject({ status: "failed" });
  });

  test("takes no other of its batch along", async () => {
    const bad = await createDistribution(world, "bad.example.com");
    const good = await createDistribution(world, "good.example.com");
    await world.db("distribution").where({ id: bad }).update({ domain: "not a host" });
    await world.compiler.deploy([bad, good]);
    await report(world, edge, { applied: await newest() });
    expect([await statusOf(bad), await statusOf(good)]).toMatchObject([{ status: "failed" }, { status: "active" }]);
  });

  test("loses to the mended one, also when that says what was deployed before", async () => {
    const id = await deployed();
    await report(world, edge, { applied: await newest() });
    await spoil(id);
    const domain = `mended${count}.example.com`;
    await world
      .db("distribution")
      .where({ id })
      .update({ domain: `www${count}.example.com`, version: 9 });
    await world.compiler.deploy([id]);
    await report(world, edge, { applied: await newest() });
    expect(await statusOf(id)).toMatchObject({ status: "active", status_reason: null });
    await spoil(id);
    await world.db("distribution").where({ id }).update({ domain, version: 20 });
    await world.compiler.deploy([id]);
    await report(world, edge, { applied: await newest() });
    expect(await statusOf(id)).toMatchObject({ status: "active" });
  });
});

describe("a document that an edge refuses", () => {
  test("fails its distribution with edge, stage and message; others go on", async () => {
    const bad = await deployed();
    const good = await deployed();
    await report(world, edge, { applied: await newest(), refused: [await aRefusal(bad)] });
    expect(await statusOf(bad)).toEqual({
      status: "failed",
      status_reason: "edge-1 refused it (probe): answered 502",
    });
    expect(await statusOf(good)).toMatchObject({ status: "active" });
    const deployment = await readDeployment(world.db, bad, world.clock());
    expect(deployment.edges.find(({ edge_id }) => edge_id === edge.edgeId)).toMatchObject({
      state: "refused",
      refused: { revision: await revOf(bad), stage: "probe", message: "answered 502" },
    });
  });

  test("does not become active when another edge has it", async () => {
    const other = await createEdge(world, group, "edge-5");
    const id = await deployed();
    const refused = [await aRefusal(id)];
    await report(world, other, { applied: 0 });
    await report(world, edge, { applied: await newest(), refused });
    await report(world, other, { applied: await newest() });
    expect(await statusOf(id)).toMatchObject({ status: "failed" });
  });

  test("is forgiven by its next revision", async () => {
    const id = await deployed();
    await report(world, edge, { applied: await newest(), refused: [await aRefusal(id)] });
    await change(id);
    expect(await statusOf(id)).toMatchObject({ status: "deploying", status_reason: null });
    await report(world, edge, { applied: await newest() });
    expect(await statusOf(id)).toMatchObject({ status: "active" });
  });

  test("is active when the edge takes its refusal back, but not while another stands by its own", async () => {
    const other = await createEdge(world, group, "edge-6");
    const id = await deployed();
    const refused = [await aRefusal(id)];
    const applied = await newest();
    await report(world, edge, { applied, refused });
    await report(world, other, { applied, refused });
    await report(world, edge, { applied });
    expect(await statusOf(id)).toMatchObject({ status: "failed" });
    await report(world, other, { applied });
    expect(await statusOf(id)).toMatchObject({ status: "active" });
  });

  test("of an older revision than is wanted now changes nothing", async () => {
    const id = await deployed();
    const late = await aRefusal(id);
    await change(id);
    await report(world, edge, { applied: late.rev, refused: [late] });
    expect(await statusOf(id)).toMatchObject({ status: "deploying" });
  });
});

describe("a report", () => {
  test("asks for a resync when the state differs at the newest revision, and only there", async () => {
    await deployed();
    const applied = await newest();
    expect(await report(world, edge, { applied })).toEqual({ resync: false });
    expect(await report(world, edge, { applied, state_hash: "f".repeat(64) })).toEqual({ resync: true });
    expect(await report(world, edge, { applied: applied - 1, state_hash: "f".repeat(64) })).toEqual({ resync: false });
  });

  test("about another feed proves nothing", async () => {
    const id = await deployed();
    const feed_id = "00000000-0000-4000-8000-000000000000";
    await report(world, edge, { applied: await newest(), feed_id });
    expect(await statusOf(id)).toMatchObject({ status: "deploying" });
  });

  test("of revisions that do not exist proves nothing, and makes no other edge's report worth more", async () => {
    const id = await deployed();
    const liar = await createEdge(world, group, "edge-7");
    await report(world, liar, { applied: (await newest()) + 1 });
    await report(world, edge, { applied: await newest() });
    expect(await statusOf(id)).toMatchObject({ status: "deploying" });
  });

  test("that proves very many leaves the rest to a job", async () => {
    await report(world, edge, { applied: await newest() });
    const ids: string[] = [];
    for (let made = 0; made < 130; made += 1) ids.push(await createDistribution(world, `many${made}.example.com`));
    await world.compiler.deploy(ids);
    await report(world, edge, { applied: await newest() });
    const active = async () =>
      (await Promise.all(ids.map(statusOf))).filter(({ status }) => status === "active").length;
    expect(await active()).toBe(100);
    expect((await jobs("deployment.settle")).map(({ payload }) => payload)).toContainEqual({ scope: group });
    await world.reports.settleAll(group, new AbortController().signal);
    expect(await active()).toBe(130);
  });
});

test("jobs of a group that is gone end quietly", async () => {
  const gone = randomUUID();
  await world.compiler.deployKeyring(gone);
  await world.reports.settleAll(gone, new AbortController().signal);
  expect(await world.db("feed_scope").where({ scope: gone })).toEqual([]);
});

describe("a group", () => {
  test("gets its nginx files as a record, again only when they differ", async () => {
    await world.compiler.deployStructure(group);
    const structure = (await recordsOf(world, group)).find((record) => record.kind === "structure");
    expect(structure).toMatchObject({ id: group, op: "put" });
    await world.compiler.deployStructure(group);
    expect((await recordsOf(world, group)).find((record) => record.kind === "structure")?.rev).toBe(structure?.rev);
  });

  test("without a node has no files yet, and holds no distribution up", async () => {
    const empty = await createGroup(world, "empty");
    await world.compiler.deployStructure(empty);
    const id = await deployed();
    expect(await recordsOf(world, empty)).toMatchObject([{ kind: "document", id }]);
    await report(world, edge, { applied: await newest() });
    expect(await statusOf(id)).toMatchObject({ status: "active" });
  });

  test("that is new gets all documents, page by page", async () => {
    const late = await createGroup(world, "late");
    await createEdge(world, late, "late-1");
    await world.db("outbox").delete();
    await world.compiler.deployStructure(late);
    expect((await jobs("deployment.recompile")).map(({ payload }) => payload)).toEqual([{ after: null }]);
    await world.compiler.recompile({ after: null });
    const documents = async (scope: string) =>
      (await recordsOf(world, scope)).flatMap(({ kind, op, id }) => (kind === "document" && op === "put" ? [id] : []));
    const failed: string[] = (await world.db("distribution").where({ status: "failed" })).map(({ id }) => id);
    const sound = (await documents(group)).filter((id) => !failed.includes(id));
    expect((await documents(late)).sort()).toEqual(sound.sort());
  });
});

test("a change whose job was lost gets another after half a minute", async () => {
  const id = await createDistribution(world, "lost.example.com");
  await world.db("outbox").delete();
  await reconcile({ db: world.db, now: world.clock(), log });
  expect(await jobs("distribution.changed")).toEqual([]);
  world.passTime(31_000);
  await reconcile({ db: world.db, now: world.clock(), log });
  expect((await jobs("distribution.changed")).map(({ payload }) => payload)).toEqual([{ distribution_id: id }]);
  await world.compiler.deploy([id]);
  await world.db("outbox").delete();
  await reconcile({ db: world.db, now: world.clock(), log });
  expect(await jobs("distribution.changed")).toEqual([]);
});

test("cdn:debug explains a host: its document, the nginx files, what each edge runs", async () => {
  await createDistribution(world, "explained.example.com");
  await world.compiler.recompile({ after: null });
  await report(world, edge, { applied: await newest(), structure: 1, documents: 7 });
  const explained = await explainDeployment(world.db, "explained.example.com", world.clock());
  const paris = explained.groups.find(({ name }) => name === "paris");
  expect(explained.distributions).toMatchObject([{ domain: "explained.example.com", deployment: { state: "active" } }]);
  expect(explained.distributions[0]?.documents.find((found) => found.group === "paris")?.document).toMatchObject({
    hosts: expect.arrayContaining(["explained.example.com"]),
  });
  expect(paris?.structure?.files.map(({ path }) => path)).toContain("nginx.conf");
  expect(paris?.edges.find(({ id }) => id === edge.edgeId)).toMatchObject({ applied: await newest(), documents: 7 });
});
