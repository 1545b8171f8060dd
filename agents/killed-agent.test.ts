// The agent as a process that is killed at the worst moments, with nginx running on (as in production) and without.
import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findMaster, findProcesses } from "./observe/nginx-launch.ts";
import type { TestNode } from "./test-agent.ts";
import type { TestControlPlane } from "./test-control-plane.ts";
import { startTestWorld, type TestWorld } from "./test-world.ts";

let world: TestWorld;
let controlPlane: TestControlPlane;
let node: TestNode;
const keepServing = { EDGE_KEEP_SERVING: "true" };

beforeEach(async () => {
  world = await startTestWorld();
  ({ controlPlane, node } = world);
});

afterEach(async () => {
  await world.stop();
});

const putDocument = (host: string): number => world.putDocument(host).rev;

async function statusOf(host: string): Promise<number> {
  return await node.get(host).then(
    ({ status }) => status,
    () => 0,
  );
}

async function journalBytes(): Promise<number> {
  return (await stat(join(node.home, "state", "journal"))).size;
}

test("killed between the disk and nginx: nginx serves on, and the next agent pushes what was only on the disk", async () => {
  const agent = node.spawn(keepServing);
  await controlPlane.untilReport(({ structure }) => structure === 1);
  const master = await findMaster(node.home);
  const nginx = await findProcesses(node.home);
  for (const pid of nginx) process.kill(pid, "SIGSTOP");
  const before = await journalBytes();
  const rev = putDocument("half.example.com");
  await expect.poll(journalBytes, { interval: 5 }).toBeGreaterThan(before);
  await agent.kill();
  for (const pid of nginx) process.kill(pid, "SIGCONT");
  const offered = controlPlane.pagesServed();
  node.spawn(keepServing);
  const report = await controlPlane.untilReport(
    ({ applied, boot_id }) => applied === rev && boot_id !== first(controlPlane),
  );
  expect(report).toMatchObject({ refused: [], state_hash: controlPlane.stateHash() });
  expect(await statusOf("half.example.com")).toBe(200);
  expect(controlPlane.pagesServed()).toBe(offered);
  expect(await findMaster(node.home)).toBe(master);
});

test("killed between nginx and the report: the next agent reports what is served", async () => {
  const agent = node.spawn(keepServing);
  await controlPlane.untilReport(({ structure }) => structure === 1);
  controlPlane.misbehave.report.push(...Array.from({ length: 100 }, () => "503" as const));
  const rev = putDocument("unreported.example.com");
  await expect.poll(() => statusOf("unreported.example.com"), { timeout: 5_000 }).toBe(200);
  await agent.kill();
  controlPlane.misbehave.report.length = 0;
  node.spawn(keepServing);
  const report = await controlPlane.untilReport(({ applied }) => applied === rev);
  expect(report).toMatchObject({ refused: [], state_hash: controlPlane.stateHash() });
});

test("killed under `up`: nginx goes with it, and the next start serves the same from the disk", async () => {
  const agent = node.spawn();
  const rev = putDocument("www.example.com");
  await controlPlane.untilReport(({ applied }) => applied === rev);
  await agent.kill();
  await expect.poll(() => findProcesses(node.home), { timeout: 5_000 }).toEqual([]);
  expect(await statusOf("www.example.com")).toBe(0);
  node.spawn();
  await expect.poll(() => statusOf("www.example.com"), { timeout: 10_000 }).toBe(200);
});

test("stopped by a signal: with nothing left when nginx is to end, with nginx left when it is to serve on", async () => {
  const agent = node.spawn();
  const rev = putDocument("www.example.com");
  await controlPlane.untilReport(({ applied }) => applied === rev);
  expect(await agent.end()).toEqual({ code: 0 });
  expect(await findProcesses(node.home)).toEqual([]);
  const other = node.spawn(keepServing);
  await expect.poll(() => statusOf("www.example.com"), { timeout: 10_000 }).toBe(200);
  await controlPlane.untilReport(({ boot_id }) => boot_id !== first(controlPlane));
  expect(await other.end()).toEqual({ code: 0 });
  expect(await statusOf("www.example.com")).toBe(200);
});

const ROUNDS = 6;
const HOSTS = 12;

test("killed at random moments, agent and nginx: every host is as before or as after, and the end is what was wanted", async () => {
  const ids = Array.from({ length: HOSTS }, () => randomUUID());
  const hostOf = (place: number, version: number) => `v${version}-${place}.example.com`;
  const put = (version: number) => {
    for (const [place, id] of ids.entries()) world.putDocument(hostOf(place, version), id);
  };
  put(0);
  node.spawn(keepServing);
  await controlPlane.untilReport(({ applied }) => applied === controlPlane.rev());
  for (let version = 1; version <= ROUNDS; version += 1) {
    put(version);
    await delay(Math.random() * 150);
    await node.killAgents();
    if (version % 2 === 0) {
      await node.killNginx();
    } else {
      // nginx serves alone: each distribution answers for one of its names, and for no third one.
      for (const place of ids.keys()) {
        const answers = [await statusOf(hostOf(place, version - 1)), await statusOf(hostOf(place, version))];
        expect(answers.sort()).toEqual([200, 421]);
      }
    }
    // The killed one may have said the same just before it was killed.
    const killed = new Set(controlPlane.reports.map(({ boot_id }) => boot_id));
    node.spawn(keepServing);
    const report = await controlPlane.untilReport(
      ({ boot_id, applied, state_hash }) =>
        !killed.has(boot_id) && applied === controlPlane.rev() && state_hash === controlPlane.stateHash(),
      20_000,
    );
    expect(report.refused).toEqual([]);
    for (const place of ids.keys()) expect(await statusOf(hostOf(place, version))).toBe(200);
  }
}, 120_000);

test("a purge that was acknowledged is never lost: not by a kill of both, nor while the control plane is away", async () => {
  const { id, rev } = world.putDocument("www.example.com");
  node.spawn(keepServing);
  await controlPlane.untilReport(({ applied }) => applied === rev);
  const fetched = async () => {
    expect((await node.get("www.example.com", "/page")).status).toBe(200);
    return world.origin.requests.filter((url) => url === "/page").length;
  };
  for (let round = 0; round < 4; round += 1) {
    const before = await fetched();
    expect(await fetched()).toBe(before);
    const body = JSON.stringify({ format: 1, distribution: id, epoch: Date.now(), urls: ["/page"] });
    const purge = controlPlane.put("purge", randomUUID(), body);
    await controlPlane.untilReport(({ applied }) => applied === purge.rev);
    await node.killAgents();
    await node.killNginx();
    await controlPlane.stop();
    node.spawn(keepServing);
    await expect.poll(() => statusOf("www.example.com"), { timeout: 15_000 }).toBe(200);
    expect(await fetched()).toBe(before + 1);
    await controlPlane.start();
  }
}, 120_000);

function first({ reports }: TestControlPlane): string | undefined {
  return reports[0]?.boot_id;
}
