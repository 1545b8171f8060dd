import { afterAll, beforeAll, expect, test } from "vitest";
import type { EdgeCaller } from "../../http/caller.ts";
import {
  createDistribution,
  createEdge,
  createGroup,
  createTestWorld,
  report,
  scopeOf,
  type TestWorld,
} from "./test-world.ts";
import { waitForDeployments } from "./wait.ts";

const limits = { waitSeconds: 20, signal: new AbortController().signal };

let world: TestWorld;
let group: string;
let edge: EdgeCaller;

beforeAll(async () => {
  world = await createTestWorld();
  group = await createGroup(world);
  edge = await createEdge(world, group);
});
afterAll(() => world?.stop());

const stateOf = async (id: string): Promise<string[]> =>
  world.db("deployment").where({ distribution_id: id }).pluck("state");

test("whoever waits is answered once the edges have their distribution, whatever others wait for", async () => {
  const untilDeployed = waitForDeployments(world.db);
  const [first, second] = [
    await createDistribution(world, "a.example.com"),
    await createDistribution(world, "b.example.com"),
  ];
  const answered: string[] = [];
  const waits = [first, second, first].map((id) => untilDeployed(id, limits).then(() => answered.push(id)));
  await world.compiler.deploy([first]);
  await report(world, edge, { applied: (await scopeOf(world, group)).rev });
  await Promise.all([waits[0], waits[2]]);
  expect(answered).toEqual([first, first]);
  expect([await stateOf(first), await stateOf(second)]).toEqual([["active"], []]);

  await world.compiler.deploy([second]);
  await report(world, edge, { applied: (await scopeOf(world, group)).rev });
  await Promise.all(waits);
});

test("a version that was deployed before says nothing of the one that is waited for", async () => {
  const untilDeployed = waitForDeployments(world.db);
  const id = await createDistribution(world, "c.example.com");
  await world.compiler.deploy([id]);
  await report(world, edge, { applied: (await scopeOf(world, group)).rev });
  await untilDeployed(id, limits);
  await world.distributions.update(world.customer, id, { host_header: "changed.example.com" });
  let isAnswered = false;
  const wait = untilDeployed(id, limits).then(() => {
    isAnswered = true;
  });
  await world.compiler.deploy([id]);
  expect([await stateOf(id), isAnswered]).toEqual([["deploying"], false]);
  await report(world, edge, { applied: (await scopeOf(world, group)).rev });
  await wait;
});

test("the time that somebody has is over without an answer from the edges, too", async () => {
  const id = await createDistribution(world, "d.example.com");
  await waitForDeployments(world.db)(id, { waitSeconds: 20, signal: AbortSignal.abort() });
});
