// An edge that was away: what came meanwhile is served from its first answer on, and a control plane that is away keeps it
// from nothing.
import { afterEach, beforeEach, expect, test } from "vitest";
import { startTestWorld, type TestWorld } from "./test-world.ts";

let world: TestWorld;

beforeEach(async () => {
  world = await startTestWorld();
});

afterEach(async () => {
  await world.stop();
});

/** What the host answers first, from now on: until then nobody listens. */
async function firstAnswerOf(host: string): Promise<number> {
  for (;;) {
    const answer = await world.node.get(host).catch(() => undefined);
    if (answer !== undefined) return answer.status;
  }
}

/** Served once, then away with a stale disk, while the host is taken from it and another one comes. */
async function awayWhile(change: (id: string) => void): Promise<void> {
  const { controlPlane, node, putDocument } = world;
  const { id, rev } = putDocument("stale.example.com");
  const agent = await node.start();
  await controlPlane.untilReport(({ applied }) => applied === rev);
  await agent.stop();
  change(id);
}

test.each([
  { name: "by changes", forget: false },
  { name: "by a snapshot, where the changes are forgotten", forget: true },
])("its first answer knows what came meanwhile ($name)", async ({ forget }) => {
  const { controlPlane, node, putDocument } = world;
  await awayWhile((id) => {
    controlPlane.remove("document", id);
    putDocument("new.example.com");
    if (forget) controlPlane.makeCheckpoint({ forget });
  });
  const first = firstAnswerOf("stale.example.com");
  await node.start();
  expect(await first).toBe(421);
  expect((await node.get("new.example.com")).status).toBe(200);
});

test("a control plane that is busy for a moment is asked again within the time", async () => {
  const { controlPlane, node } = world;
  await awayWhile((id) => controlPlane.remove("document", id));
  controlPlane.misbehave.changes.push("503", "503");
  const first = firstAnswerOf("stale.example.com");
  await node.start();
  expect(await first).toBe(421);
});

test("a control plane that refuses connections, or never answers, keeps it from nothing; it catches up later", async () => {
  const { controlPlane, node } = world;
  await awayWhile((id) => controlPlane.remove("document", id));
  await controlPlane.stop();
  const alone = await node.start();
  expect((await node.get("stale.example.com")).status).toBe(200);
  await alone.stop();

  await controlPlane.start();
  controlPlane.misbehave.changes.push("silence");
  const first = firstAnswerOf("stale.example.com");
  await node.start({ EDGE_CATCH_UP_SECONDS: 0.5 });
  expect(await first).toBe(200);
  expect(node.alarms.join()).toContain("the disk is served as it is");
  await expect.poll(async () => (await node.get("stale.example.com")).status, { timeout: 10_000 }).toBe(421);
});

test("one that was told of another feed meanwhile begins that one before it serves", async () => {
  const { controlPlane, node, putDocument } = world;
  await awayWhile((id) => {
    controlPlane.restore({ keep: (record) => record.id !== id, checkpoint: true });
    putDocument("new.example.com");
  });
  const first = firstAnswerOf("stale.example.com");
  await node.start();
  expect(await first).toBe(421);
  expect((await node.get("new.example.com")).status).toBe(200);
});
