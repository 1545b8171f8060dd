import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { EdgeCaller } from "../../http/caller.ts";
import { groupPlacementHandler, groupVacatedHandler } from "../distribution/index.ts";
import { patchDistributionInput } from "../distribution/schema.ts";
import { edgeGroupPlaced } from "../edge-node/index.ts";
import { readDeployment } from "./read-model.ts";
import {
  createDistribution,
  createEdge,
  createGroup,
  createTestWorld,
  recordsOf,
  report,
  scopeOf,
  type TestWorld,
} from "./test-world.ts";

let world: TestWorld;
let paris: string;
let rome: string;
let edges: readonly EdgeCaller[];
let count = 0;

beforeAll(async () => {
  world = await createTestWorld();
});
afterAll(() => world?.stop());

beforeEach(async () => {
  count += 1;
  // Edges of the tests before are out of sight.
  world.passTime(120_000);
  [paris, rome] = [await createGroup(world, `paris-${count}`), await createGroup(world, `rome-${count}`)];
  edges = [await createEdge(world, paris), await createEdge(world, rome)];
});

const keepTo = (id: string, groups: readonly string[] | null) =>
  world.distributions.update(world.customer, id, { edge_group_ids: groups === null ? null : [...groups] });

async function carriersOf(id: string): Promise<readonly string[]> {
  const carriers: string[] = [];
  for (const scope of [paris, rome]) {
    const record = (await recordsOf(world, scope)).find((known) => known.id === id);
    if (record?.op === "put") carriers.push(scope);
  }
  return carriers;
}

async function everybodyReports(): Promise<void> {
  for (const edge of edges) await report(world, edge, { applied: (await scopeOf(world, edge.scope)).rev });
}

async function distribution(): Promise<string> {
  return createDistribution(world, `placed-${count}.example.com`);
}

const statusOf = async (id: string) => (await world.db("distribution").where({ id }).first("status"))?.status;

describe("a distribution that is kept to a group", () => {
  test("is a document there alone, and active once that group's edges have it", async () => {
    const id = await distribution();
    await keepTo(id, [paris]);
    await world.compiler.deploy([id]);
    expect(await carriersOf(id)).toEqual([paris]);
    await everybodyReports();
    expect(await statusOf(id)).toBe("active");
    const { state, groups } = await readDeployment(world.db, id, world.clock());
    expect(state).toBe("active");
    expect(groups.map(({ group_id }) => group_id)).toEqual([paris]);
  });

  test("leaves the others by a tombstone, which is told while it is under way", async () => {
    const id = await distribution();
    await world.compiler.deploy([id]);
    await everybodyReports();
    expect(await carriersOf(id)).toEqual([paris, rome]);

    await keepTo(id, [rome]);
    await world.compiler.deploy([id]);
    expect(await carriersOf(id)).toEqual([rome]);
    const stateIn = async (group: string) =>
      (await readDeployment(world.db, id, world.clock())).groups.find(({ group_id }) => group_id === group)?.state;
    expect([await stateIn(paris), await stateIn(rome)]).toEqual(["removing", "active"]);
    await everybodyReports();
    expect([await stateIn(paris), await stateIn(rome)]).toEqual(["removed", "active"]);
    expect(await statusOf(id)).toBe("active");

    await keepTo(id, null);
    await world.compiler.deploy([id]);
    expect(await carriersOf(id)).toEqual([paris, rome]);
  });

  test("leaves its secrets nowhere else", async () => {
    const id = await distribution();
    const bucket = {
      ...{ type: "s3" as const, s3_type: "other" as const, s3_region: "r", s3_bucket_name: "bucket" },
      ...{ s3_storage_hostname: "s3.example.com", s3_access_key_id: "key", s3_secret_key: "the-secret-itself" },
    };
    await world.distributions.update(world.customer, id, patchDistributionInput.parse({ origin: bucket }));
    await world.compiler.deploy([id]);
    const secretsIn = async (scope: string) =>
      (await recordsOf(world, scope)).filter(({ kind, op }) => kind === "secret" && op === "put").length;
    expect([await secretsIn(paris), await secretsIn(rome)]).toEqual([1, 1]);
    await keepTo(id, [rome]);
    await world.compiler.deploy([id]);
    expect([await secretsIn(paris), await secretsIn(rome)]).toEqual([0, 1]);
  });

  test("is on the parent's edges too, from when the group gets that parent until it gets another", async () => {
    const id = await distribution();
    await keepTo(id, [paris]);
    await world.compiler.deploy([id]);
    await world.edgeGroups.update(world.customer, rome, { settings: { listeners: { parent: 8444 } } });
    await world.edgeGroups.update(world.customer, rome, { settings: { listeners: { parent: 8444 } } });
    const placed = async (parent: string | null) => {
      await world.edgeGroups.update(world.customer, paris, { settings: { parent_group_id: parent } });
      const [job] = await world.db("outbox").where({ job: edgeGroupPlaced.name }).orderBy("seq", "desc").limit(1);
      await groupPlacementHandler({ db: world.db }).run(job.payload, AbortSignal.timeout(5_000));
      await world.compiler.deploy([id]);
      return carriersOf(id);
    };
    expect(await placed(rome)).toEqual([paris, rome]);
    expect(await placed(null)).toEqual([paris]);
  });

  test("is a 422 for a group that is not there, which names the place", async () => {
    const id = await distribution();
    const nowhere = "00000000-0000-4000-8000-000000000000";
    await expect(keepTo(id, [paris, nowhere])).rejects.toMatchObject({
      errors: [{ pointer: "/edge_group_ids/1", detail: expect.stringContaining("points-of-presence") }],
    });
  });

  test("is told by its versions, and goes back with them", async () => {
    const id = await distribution();
    await keepTo(id, [paris]);
    const row: { changes: unknown } | undefined = await world
      .db("distribution_version")
      .where({ distribution_id: id, number: 2 })
      .first("changes");
    expect(row?.changes).toEqual([{ pointer: "/settings/edge_group_ids", before: null, after: [paris] }]);
    const clone = await world.distributions.clone(world.customer, id, {
      domain: `clone-${count}.example.com`,
      domain_type: "custom",
    });
    expect(clone.record.edgeGroupIds).toEqual([paris]);
  });

  test("keeps the group from being deleted", async () => {
    const empty = await createGroup(world, `empty-${count}`);
    const id = await distribution();
    await keepTo(id, [empty]);
    await expect(world.edgeGroups.remove(world.customer, empty)).rejects.toMatchObject({
      kind: { type: "urn:edgewright:problem:edge-group-in-use" },
      detail: expect.stringContaining("kept to it (1)"),
    });
    await keepTo(id, null);
    await world.compiler.deploy([id]);
    await world.edgeGroups.remove(world.customer, empty);
    expect(await recordsOf(world, empty)).toEqual([]);
  });
});

describe("a group that an operator vacates", () => {
  async function work(): Promise<number> {
    const handler = groupVacatedHandler({ db: world.db, clock: world.clock, pageSize: 2 });
    const jobs: { id: string; payload: unknown }[] = await world.db("outbox").where({ job: "edge-group.vacated" });
    await world.db("outbox").where({ job: "edge-group.vacated" }).delete();
    for (const { payload } of jobs) await handler.run(payload, AbortSignal.timeout(10_000));
    return jobs.length;
  }

  test("leaves all that is kept to it to another one, each as a version, and each account told once", async () => {
    const [from, to] = [await createGroup(world, `from-${count}`), await createGroup(world, `to-${count}`)];
    const create = () => createDistribution(world, `${randomUUID()}.example.com`);
    const [alone, shared, both] = [await create(), await create(), await create()];
    await keepTo(alone, [from]);
    await keepTo(shared, [paris, from]);
    await keepTo(both, [from, to]);
    expect(await world.edgeGroups.vacate(world.customer, from, to)).toBe(3);
    while ((await work()) > 0);
    const keptTo = async (id: string) => (await world.distributions.get(world.customer, id)).record.edgeGroupIds;
    expect([await keptTo(alone), await keptTo(shared), await keptTo(both)]).toEqual([[to], [paris, to], [to]]);
    const versions: unknown = await world
      .db("distribution_version")
      .where({ distribution_id: alone })
      .orderBy("number");
    expect(versions).toMatchObject([{}, {}, { action: "distribution.move", user_id: null, api_token_id: null }]);
    const told: unknown = await world.db("notification").where({ event: "distribution.moved" });
    expect(told).toMatchObject([
      { account_id: world.customer.accountId, subject: `What you keep to from-${count} is kept to to-${count} now` },
    ]);
    await world.compiler.deploy([alone, shared, both]);
    await world.edgeGroups.remove(world.customer, from);
  });

  test("has another one to move to, which it is not itself", async () => {
    const group = await createGroup(world, `closing-${count}`);
    for (const [to, fault] of [
      [group, "another group"],
      [randomUUID(), "names no edge group"],
    ] as const) {
      await expect(world.edgeGroups.vacate(world.customer, group, to)).rejects.toMatchObject({
        errors: [{ pointer: "/to_group_id", detail: expect.stringContaining(fault) }],
      });
    }
    await expect(world.edgeGroups.vacate(world.customer, randomUUID(), group)).rejects.toMatchObject({
      kind: { status: 404 },
    });
  });
});

describe("a node", () => {
  const nodeRecords = async (scope: string) =>
    (await recordsOf(world, scope)).flatMap(({ kind, id, op, body }) => (kind === "node" ? [{ id, op, body }] : []));

  async function told(): Promise<void> {
    const jobs: { payload: { group_id: string; edge_id: string; version: number } }[] = await world
      .db("outbox")
      .where({ job: "edge-node.changed" })
      .orderBy("seq");
    for (const { payload } of jobs) await world.compiler.deployNode(payload);
    await world.db("outbox").where({ job: "edge-node.changed" }).delete();
  }

  test("is told its state by its group's feed, and its end by a tombstone", async () => {
    const { edgeId } = await createEdge(world, paris, "drained");
    await world.edgeNodes.updateNode(world.customer, edgeId, { state: "draining" });
    await told();
    expect((await nodeRecords(paris)).find(({ id }) => id === edgeId)).toEqual({
      id: edgeId,
      op: "put",
      body: '{"format":1,"state":"draining"}',
    });
    await world.edgeNodes.removeNode(world.customer, edgeId);
    await told();
    expect((await nodeRecords(paris)).find(({ id }) => id === edgeId)).toMatchObject({ op: "del", body: "" });
  });

  test("that was the last of its group holds no removal up", async () => {
    const id = await distribution();
    await keepTo(id, [paris]);
    await world.compiler.deploy([id]);
    await everybodyReports();
    await world.distributions.remove(world.customer, id);
    await world.compiler.deploy([id]);
    for (const edge of edges) await world.edgeNodes.removeNode(world.customer, edge.edgeId);
    await told();
    await world.reports.settleAll(paris, AbortSignal.timeout(5_000));
    expect(await statusOf(id)).toBe("deleted");
  });
});
