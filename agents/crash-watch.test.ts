// Documents and structures that workers of nginx die of: found, refused and kept away, while everything else is served. The
// test is what kills the workers, by the signal of a broken program, whenever a certain origin is asked.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findMaster } from "./observe/nginx-launch.ts";
import { documentFor, type TestNode } from "./test-agent.ts";
import { startTestWorld, type TestWorld } from "./test-world.ts";

const SETTINGS = { EDGE_CRASH_TRIAL_SECONDS: 1.5 };
let world: TestWorld;
let killer: Server;
let viewers: Viewers | undefined;

beforeEach(async () => {
  world = await startTestWorld();
  killer = createServer((_, response) => {
    void killWorkers(world.node).finally(() => response.end());
  });
  await once(killer.listen(0, "127.0.0.1"), "listening");
});

afterEach(async () => {
  await viewers?.stop();
  viewers = undefined;
  await world.stop();
  killer.closeAllConnections();
  killer.close();
});

async function killWorkers({ home }: TestNode): Promise<void> {
  const master = await findMaster(home);
  if (master === undefined) return;
  const children = (await readFile(`/proc/${master}/task/${master}/children`, "utf8")).trim().split(" ");
  for (const pid of children) {
    const title = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (title.includes("worker process")) process.kill(Number(pid), "SIGSEGV");
  }
}

interface Viewers {
  stop(): Promise<void>;
}

/** Somebody asks for each of these without a pause, another path each time. */
function startViewers(hosts: readonly string[], path = "/"): Viewers {
  let stopping = false;
  const done = (async () => {
    for (let turn = 0; !stopping; turn += 1) {
      const host = hosts[turn % hosts.length] ?? "";
      await world.node.get(host, `${path}${turn}`).catch(() => {});
    }
  })();
  return {
    stop: async () => {
      stopping = true;
      await done;
    },
  };
}

async function heldBack(): Promise<string> {
  return await readFile(join(world.node.home, "state", "held-back"), "utf8").catch(() => "");
}

const searchHasEnded = () => expect.poll(heldBack, { timeout: 30_000 }).not.toContain("suspect");

const statusOf = async (host: string) =>
  await world.node.get(host, "/status").then(
    ({ status }) => status,
    () => 0,
  );

function putKiller(host: string, id: string = randomUUID()) {
  const { port } = killer.address() as AddressInfo;
  return { id, rev: world.controlPlane.put("document", id, documentFor(id, host, { port })).rev };
}

test("of nine changes one is what workers die of: it alone is refused and its last good version served, also after a restart", async () => {
  const { controlPlane, node, putDocument } = world;
  const old = Array.from({ length: 9 }, (_, place) => putDocument(`old-${place}.example.com`));
  const first = await node.start(SETTINGS);
  await controlPlane.untilReport(({ applied }) => applied === controlPlane.rev());
  viewers = startViewers(old.flatMap((_, place) => [`new-${place}.example.com`, `old-${place}.example.com`]));
  const changed = old.map(({ id }, place) =>
    place === 4 ? putKiller("new-4.example.com", id) : putDocument(`new-${place}.example.com`, id),
  );
  const culprit = changed[4];
  const report = await controlPlane.untilReport(
    ({ refused }) => refused.some(({ stage }) => stage === "crash"),
    40_000,
  );
  expect(report.refused).toMatchObject([{ kind: "document", id: culprit?.id, rev: culprit?.rev, stage: "crash" }]);
  expect(report).toMatchObject({ applied: controlPlane.rev(), state_hash: controlPlane.stateHash() });
  await searchHasEnded();
  const expectServed = async () => {
    for (const place of [0, 1, 2, 3, 5, 6, 7, 8]) expect(await statusOf(`new-${place}.example.com`)).toBe(200);
    expect(await statusOf("old-4.example.com")).toBe(200);
    expect(await statusOf("new-4.example.com")).toBe(421);
  };
  await expectServed();

  // A restart of both, the control plane away, does not apply it again.
  await first.stop();
  await controlPlane.stop();
  await node.start(SETTINGS);
  await expectServed();
  await controlPlane.start();
  const again = await controlPlane.untilReport(({ boot_id }) => boot_id !== report.boot_id);
  expect(again.refused).toMatchObject([{ id: culprit?.id, stage: "crash" }]);

  const mended = putDocument("mended.example.com", culprit?.id);
  await controlPlane.untilReport(({ applied, refused }) => applied === mended.rev && refused.length === 0);
  expect(await statusOf("mended.example.com")).toBe(200);
  expect(await heldBack()).toBe("");
}, 90_000);

test("a new document without a good version answers 503 once it is found out, and the same body is not tried again", async () => {
  const { controlPlane, node, putDocument } = world;
  await node.start(SETTINGS);
  await controlPlane.untilReport(({ structure }) => structure === 1);
  viewers = startViewers(["killer.example.com", "innocent.example.com"]);
  const innocent = putDocument("innocent.example.com");
  const { id, rev } = putKiller("killer.example.com");
  await controlPlane.untilReport(({ refused }) => refused.some(({ stage }) => stage === "crash"), 40_000);
  await searchHasEnded();
  expect(await statusOf("innocent.example.com")).toBe(200);
  expect(await statusOf("killer.example.com")).toBe(503);

  const master = await findMaster(node.home);
  const body = documentFor(id, "killer.example.com", { port: (killer.address() as AddressInfo).port });
  expect(innocent.rev).toBeLessThan(rev);
  const same = controlPlane.put("document", id, body);
  const later = putDocument("later.example.com");
  await controlPlane.untilReport(({ applied }) => applied === later.rev);
  expect(same.rev).toBeGreaterThan(rev);
  expect(await findMaster(node.home)).toBe(master);
}, 60_000);

test("workers that die of something else cost nobody a change: all of them are served again, and the log says so", async () => {
  const { controlPlane, node, putDocument } = world;
  await node.start(SETTINGS);
  putDocument("one.example.com");
  putDocument("two.example.com");
  await controlPlane.untilReport(({ applied }) => applied === controlPlane.rev());
  let dying = true;
  const dies = (async () => {
    while (dying) {
      await killWorkers(node);
      await node.get("one.example.com").catch(() => {});
    }
  })();
  await expect.poll(() => node.alarms.join(), { timeout: 30_000 }).toContain("and not of what was applied lately");
  dying = false;
  await dies;
  await expect.poll(() => statusOf("one.example.com"), { timeout: 10_000 }).toBe(200);
  expect(await statusOf("two.example.com")).toBe(200);
  const { rev } = putDocument("three.example.com");
  const report = await controlPlane.untilReport(({ applied }) => applied === rev);
  expect(report.refused).toEqual([]);
}, 60_000);

test("a structure that workers die of is rolled back, and stays away over a restart", async () => {
  const { controlPlane, node, putDocument } = world;
  putDocument("www.example.com");
  const first = await node.start(SETTINGS);
  await controlPlane.untilReport(({ applied }) => applied === 2);
  // With this one, and not with the one before, a worker dies when it is asked for the path.
  const crashing = node
    .structure()
    .replace(
      'require(\\"outer\\").access()',
      'if ngx.var.uri == \\"/boom\\" then require(\\"ffi\\").cast(\\"int *\\", 0)[0] = 1 end require(\\"outer\\").access()',
    );
  expect(crashing).not.toBe(node.structure());
  const { rev } = controlPlane.put("structure", controlPlane.scope, crashing);
  await controlPlane.untilReport(({ structure }) => structure === rev, 20_000);
  viewers = startViewers(["www.example.com"], "/boom?");
  const report = await controlPlane.untilReport(
    ({ refused }) => refused.some(({ stage }) => stage === "crash"),
    40_000,
  );
  expect(report).toMatchObject({ structure: 1, refused: [{ kind: "structure", rev, stage: "crash" }] });
  expect(await statusOf("www.example.com")).toBe(200);
  await first.stop();
  await node.start(SETTINGS);
  expect(await statusOf("www.example.com")).toBe(200);
  const good = controlPlane.put("structure", controlPlane.scope, node.structure().replace("64k", "32k"));
  await controlPlane.untilReport(({ structure, refused }) => structure === good.rev && refused.length === 0, 20_000);
}, 90_000);

test("an agent that is killed in the middle of its search goes on with it, and serves nobody what it has not cleared", async () => {
  const { controlPlane, node, putDocument } = world;
  const { id } = putDocument("old.example.com");
  const first = node.spawn();
  await controlPlane.untilReport(({ applied }) => applied === 2);
  viewers = startViewers(["killer.example.com", "old.example.com"]);
  putKiller("killer.example.com", id);
  await expect.poll(heldBack, { timeout: 20_000, interval: 20 }).toContain("suspect document");
  await first.kill();
  await node.start(SETTINGS);
  const report = await controlPlane.untilReport(
    ({ refused }) => refused.some(({ stage }) => stage === "crash"),
    40_000,
  );
  expect(report.refused).toMatchObject([{ id, stage: "crash" }]);
  await searchHasEnded();
  expect(await statusOf("old.example.com")).toBe(200);
}, 90_000);
