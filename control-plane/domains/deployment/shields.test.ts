import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { shieldBodySchema } from "../../../agents/contract.ts";
import { deployShields } from "./shields.ts";
import { createEdge, createGroup, createTestWorld, recordsOf, type TestWorld } from "./test-world.ts";

let world: TestWorld;
let parent: string;
let child: string;
let count = 0;

beforeAll(async () => {
  world = await createTestWorld();
});
afterAll(() => world?.stop());

beforeEach(async () => {
  count += 1;
  [parent, child] = [await createGroup(world, `parent-${count}`), await createGroup(world, `child-${count}`)];
  await change(parent, { listeners: { parent: 8444 } });
});

type Settings = NonNullable<Parameters<TestWorld["edgeGroups"]["update"]>[2]["settings"]>;
const change = (group: string, settings: Settings) => world.edgeGroups.update(world.customer, group, { settings });

const deploy = () => deployShields({ ...world, announce: (scope) => world.announced.push(scope) });

/** Undefined: the group's edges know of nobody. */
async function toldTo(group: string) {
  await deploy();
  const record = (await recordsOf(world, group)).find(({ kind }) => kind === "shield");
  return record?.op === "put" ? shieldBodySchema.parse(JSON.parse(record.body)) : undefined;
}

async function edgeAt(address: string | null): Promise<string> {
  const { edgeId } = await createEdge(world, parent);
  await world.edgeNodes.updateNode(world.customer, edgeId, { address });
  return edgeId;
}

test("a child knows the parent's edges that take requests, and the parent its children", async () => {
  expect([await toldTo(parent), await toldTo(child)]).toEqual([undefined, undefined]);
  const [one, draining] = [await edgeAt("203.0.113.1"), await edgeAt("2001:db8::2")];
  await edgeAt(null);
  await change(child, { parent_group_id: parent });
  expect(await toldTo(parent)).toEqual({ format: 1, parent: null, children: [child], child_nodes: [] });
  const nodes = [
    { id: one, address: "203.0.113.1" },
    { id: draining, address: "2001:db8::2" },
  ].sort((a, b) => a.id.localeCompare(b.id, "en"));
  const asked = { group: parent, port: 8444, nodes };
  expect(await toldTo(child)).toEqual({ format: 1, parent: asked, children: [], child_nodes: [] });

  await world.edgeNodes.updateNode(world.customer, draining, { state: "draining" });
  expect((await toldTo(child))?.parent?.nodes).toEqual([{ id: one, address: "203.0.113.1" }]);
  await world.edgeNodes.removeNode(world.customer, one);
  expect((await toldTo(child))?.parent?.nodes).toEqual([]);

  await change(child, { parent_group_id: null });
  expect([await toldTo(parent), await toldTo(child)]).toEqual([undefined, undefined]);
});

test("a parent knows its children's edges by name: one that is removed is none from then on", async () => {
  await change(child, { parent_group_id: parent });
  const { edgeId: one } = await createEdge(world, child);
  const { edgeId: draining } = await createEdge(world, child);
  await createEdge(world, await createGroup(world, `nobody-${count}`));
  await world.edgeNodes.updateNode(world.customer, draining, { state: "draining" });
  expect((await toldTo(parent))?.child_nodes).toEqual([one, draining].sort());
  await world.edgeNodes.removeNode(world.customer, one);
  expect((await toldTo(parent))?.child_nodes).toEqual([draining]);
});

test("what a newer worker told stays: an older one knows too little to correct it", async () => {
  await change(child, { parent_group_id: parent });
  await deploy();
  await world.db("feed_record").where({ kind: "shield", id: parent }).update({ compiler_version: 1_000 });
  const before = (await recordsOf(world, parent)).find(({ kind }) => kind === "shield");
  await createEdge(world, child);
  await deploy();
  expect((await recordsOf(world, parent)).find(({ kind }) => kind === "shield")).toEqual(before);
});

test("whoever has nothing new to know is told nothing", async () => {
  await change(child, { parent_group_id: parent });
  expect(await deploy()).toBe(2);
  expect(await deploy()).toBe(0);
  const announced = world.announced.length;
  await edgeAt("203.0.113.7");
  expect(await deploy()).toBe(1);
  expect(world.announced.slice(announced)).toEqual([child]);
});

test("a group becomes nobody's parent without a listener for children, and does not lose it as one", async () => {
  await change(parent, { listeners: { parent: null } });
  await expect(change(child, { parent_group_id: parent })).rejects.toMatchObject({
    errors: [{ pointer: "/settings/parent_group_id", detail: expect.stringContaining("listeners.parent first") }],
  });
  await change(parent, { listeners: { parent: 8444 } });
  await change(child, { parent_group_id: parent });
  await expect(change(parent, { listeners: { parent: null } })).rejects.toMatchObject({
    errors: [{ pointer: "/settings/listeners/parent", detail: expect.stringContaining(`child-${count}`) }],
  });
  await expect(change(parent, { listeners: { parent: 443 } })).rejects.toMatchObject({
    errors: [{ pointer: "/settings/listeners/parent", detail: expect.stringContaining("another port") }],
  });
});
