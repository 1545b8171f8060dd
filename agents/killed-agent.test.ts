// The agent as a process that is killed at the worst moments, with nginx running on (as in production) and without.
import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findMaster, findProcesses } from "./observe/nginx-launch.ts";
import { createTestNode, documentFor, startTestOrigin, type TestNode, type TestOrigin } from "./test-agent.ts";
import { startTestControlPlane, type TestControlPlane } from "./test-control-plane.ts";

let controlPlane: TestControlPlane;
let node: TestNode;
let origin: TestOrigin;
const keepServing = { EDGE_KEEP_SERVING: "true" };

beforeEach(async () => {
  controlPlane = await startTestControlPlane();
  origin = await startTestOrigin();
  node = await createTestNode(controlPlane);
  controlPlane.put("structure", controlPlane.scope, node.structure());
});

afterEach(async () => {
  await node.remove();
  await origin.stop();
  await controlPlane.stop();
});

function putDocument(host: string): number {
  const id = randomUUID();
  return controlPlane.put("document", id, documentFor(id, host, origin)).rev;
}

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

function first({ reports }: TestControlPlane): string | undefined {
  return reports[0]?.boot_id;
}
