// An edge that is taken out of service and comes back, while a client that follows its health asks without a pause.
import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { NodeBody } from "./contract.ts";
import { findProcesses } from "./observe/nginx-launch.ts";
import { documentFor, type TestNode } from "./test-agent.ts";
import { startTestWorld, type TestWorld } from "./test-world.ts";

const HOST = "www.example.com";
let world: TestWorld;

beforeEach(async () => {
  world = await startTestWorld();
});

afterEach(async () => {
  await world.stop();
});

function put({ controlPlane }: TestWorld, state: NodeBody["state"], id = controlPlane.edgeId): number {
  return controlPlane.put("node", id, JSON.stringify({ format: 1, state })).rev;
}

async function healthOf(node: TestNode): Promise<number> {
  return await node.get("localhost", "/__edge/health").then(
    ({ status }) => status,
    () => 0,
  );
}

const becomes = (node: TestNode, health: number) =>
  expect.poll(() => healthOf(node), { timeout: 15_000, interval: 20 }).toBe(health);

async function hasGone(node: TestNode): Promise<void> {
  await expect.poll(() => findProcesses(node.home), { timeout: 15_000 }).toEqual([]);
}

/** Asks one edge after the other, but only those whose health said 200 last. */
function startClient(nodes: readonly TestNode[]) {
  const outcomes: string[] = [];
  const servedBy = new Map<TestNode, number>(nodes.map((node) => [node, 0]));
  let stopping = false;
  const done = (async () => {
    for (let turn = 0; !stopping; turn += 1) {
      const node = nodes[turn % nodes.length];
      if (node === undefined || (await healthOf(node)) !== 200) continue;
      const { status } = await node.get(HOST, `/${turn % 50}`).catch((error: unknown) => ({ status: String(error) }));
      outcomes.push(String(status));
      servedBy.set(node, (servedBy.get(node) ?? 0) + 1);
    }
  })();
  return {
    outcomes,
    served: (node: TestNode) => servedBy.get(node) ?? 0,
    stop: async () => {
      stopping = true;
      await done;
    },
  };
}

test("through drain, maintenance and back no request of a client that follows health fails, on two edges", async () => {
  const other = await startTestWorld();
  for (const { controlPlane, node, putDocument } of [world, other]) {
    const { rev } = putDocument(HOST);
    await node.start({ EDGE_DRAIN_SECONDS: 0.5 });
    await controlPlane.untilReport(({ applied }) => applied === rev);
  }
  const client = startClient([world.node, other.node]);
  for (const { node, controlPlane } of [world, other]) {
    const until = async (count: number) =>
      expect.poll(() => client.served(node), { timeout: 10_000 }).toBeGreaterThan(count);
    await until(20);
    put({ ...world, controlPlane }, "draining");
    await becomes(node, 503);
    // It serves on whoever comes all the same.
    expect((await node.get(HOST, "/late")).status).toBe(200);
    put({ ...world, controlPlane }, "maintenance");
    await hasGone(node);
    put({ ...world, controlPlane }, "active");
    await becomes(node, 200);
    await until(client.served(node) + 20);
  }
  await client.stop();
  await other.stop();
  expect(new Set(client.outcomes)).toEqual(new Set(["200"]));
}, 60_000);

test("in maintenance the feed is followed on to the disk, and what came is served when it is over", async () => {
  const { controlPlane, node, putDocument } = world;
  const gone = putDocument("gone.example.com");
  await node.start({ EDGE_DRAIN_SECONDS: 0 });
  await controlPlane.untilReport(({ applied }) => applied === gone.rev);
  put(world, "maintenance");
  await hasGone(node);
  controlPlane.remove("document", gone.id);
  const structure = controlPlane.put("structure", controlPlane.scope, node.structure().replace("64k", "32k"));
  const { rev } = putDocument("meanwhile.example.com");
  const report = await controlPlane.untilReport(({ applied }) => applied === rev);
  expect(report).toMatchObject({ refused: [], structure: 0, state_hash: controlPlane.stateHash() });
  expect(await findProcesses(node.home)).toEqual([]);
  put(world, "active");
  await becomes(node, 200);
  expect((await node.get("meanwhile.example.com")).status).toBe(200);
  expect((await node.get("gone.example.com")).status).toBe(421);
  await controlPlane.untilReport(({ structure: served }) => served === structure.rev);
});

test.each(["maintenance", "draining"] as const)(
  "%s holds over a restart of the agent, the control plane being away",
  async (state) => {
    const { controlPlane, node, putDocument } = world;
    putDocument(HOST);
    const first = await node.start({ EDGE_DRAIN_SECONDS: 0 });
    await controlPlane.untilReport(({ structure }) => structure === 1);
    put(world, state);
    if (state === "maintenance") await hasGone(node);
    else await becomes(node, 503);
    await first.stop();
    await controlPlane.stop();
    await node.start({ EDGE_DRAIN_SECONDS: 0 });
    if (state === "maintenance") {
      expect(await findProcesses(node.home)).toEqual([]);
    } else {
      expect(await healthOf(node)).toBe(503);
      expect((await node.get(HOST)).status).toBe(200);
    }
    await controlPlane.start();
    put(world, "active");
    await becomes(node, 200);
  },
  40_000,
);

test("a download that is under way is finished before nginx ends", async () => {
  const asked = new EventEmitter();
  const slow = createServer((_, response) => {
    response.writeHead(200, { "content-length": 4, "cache-control": "no-store" }).write("ab");
    asked.emit("request", () => response.end("cd"));
  });
  await once(slow.listen(0, "127.0.0.1"), "listening");
  const address = slow.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const { controlPlane, node } = world;
  const id = randomUUID();
  const { rev } = controlPlane.put("document", id, documentFor(id, "slow.example.com", { port }));
  await node.start({ EDGE_DRAIN_SECONDS: 0 });
  await controlPlane.untilReport(({ applied }) => applied === rev);
  const request = once(asked, "request");
  const download = node.get("slow.example.com", "/file");
  const [finish] = await request;
  const told = put(world, "maintenance");
  await controlPlane.untilReport(({ applied }) => applied === told);
  await becomes(node, 503);
  finish();
  expect(await download).toEqual({ status: 200, body: "abcd" });
  await hasGone(node);
  slow.close();
});

test("what is said of another edge of the group, or not understood, changes nothing here", async () => {
  const { controlPlane, node } = world;
  await node.start();
  await controlPlane.untilReport(({ structure }) => structure === 1);
  const foreign = put(world, "draining", randomUUID());
  await controlPlane.untilReport(({ applied }) => applied === foreign);
  const { rev } = controlPlane.put("node", controlPlane.edgeId, '{"format":2,"state":"asleep"}');
  const report = await controlPlane.untilReport(({ applied }) => applied === rev);
  expect(report.refused).toMatchObject([{ kind: "node", rev, stage: "verify" }]);
  expect(await healthOf(node)).toBe(200);
  const mended = put(world, "draining");
  await becomes(node, 503);
  expect((await controlPlane.untilReport(({ applied }) => applied === mended)).refused).toEqual([]);
  expect(await readFile(join(node.home, "state", "node"), "utf8")).toBe("draining\n");
  // Taken back altogether: it takes viewers.
  controlPlane.remove("node", controlPlane.edgeId);
  await becomes(node, 200);
});

test("a reload under way of draining is proven, and a snapshot tells the state too", async () => {
  const { controlPlane, node } = world;
  const first = await node.start({ EDGE_KEEP_SERVING: true });
  await controlPlane.untilReport(({ structure }) => structure === 1);
  put(world, "draining");
  await becomes(node, 503);
  const { rev } = controlPlane.put("structure", controlPlane.scope, node.structure().replace("64k", "32k"));
  await controlPlane.untilReport(({ structure, refused }) => structure === rev && refused.length === 0);
  await first.stop();
  put(world, "active");
  controlPlane.makeCheckpoint({ forget: true });
  await node.start({ EDGE_KEEP_SERVING: true });
  await becomes(node, 200);
});
