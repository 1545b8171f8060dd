// What the agent tells those who watch it: metrics for Prometheus, and whether the edge is well.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pickPort } from "../platform/embedded/ports.ts";
import { startTestWorld, type TestWorld } from "./test-world.ts";

let world: TestWorld;
let port: number;

beforeEach(async () => {
  world = await startTestWorld();
  port = await pickPort();
});

afterEach(async () => {
  await world.stop();
});

const start = () => world.node.start({ AGENT_METRICS_ADDRESS: [{ host: "127.0.0.1", port }], EDGE_DRAIN_SECONDS: 0 });

/** One value; undefined when there is none. */
async function metric(name: string): Promise<number | undefined> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`edgewright_edge_${name} `));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}

async function health(): Promise<{
  status: number;
  body: { status: string; checks: { name: string; status: string }[] };
}> {
  const answer = await fetch(`http://127.0.0.1:${port}/health`);
  return { status: answer.status, body: JSON.parse(await answer.text()) };
}

test("metrics say what is applied, refused, served and sent", async () => {
  const { controlPlane, node, putDocument, putBadDocument } = world;
  putDocument("www.example.com");
  const bad = putBadDocument();
  await start();
  await controlPlane.untilReport(({ applied }) => applied === bad.rev);
  await node.get("www.example.com", "/a");
  await controlPlane.untilLogs((lines) => lines.length === 1);
  const { rev } = controlPlane.put("structure", controlPlane.scope, node.structure().replace("64k", "32k"));
  await controlPlane.untilReport(({ structure }) => structure === rev);
  expect(await metric("applied_revision")).toBe(rev);
  expect(await metric("structure_revision")).toBe(rev);
  expect(await metric("records_applied_total")).toBe(4);
  expect(await metric('refused_records{stage="push"}')).toBe(1);
  expect(await metric('refused_records{stage="crash"}')).toBe(0);
  expect(await metric("nginx_starts_total")).toBe(1);
  expect(await metric("nginx_reloads_total")).toBe(1);
  expect(await metric("nginx_running")).toBe(1);
  expect(await metric("worker_crashes_total")).toBe(0);
  expect(await metric("connections")).toBeGreaterThan(0);
  expect(await metric("log_batches_sent_total")).toBe(1);
  await expect.poll(() => metric("log_pending_bytes"), { timeout: 5_000 }).toBe(0);
  expect(await metric('disk_bytes{folder="cache",part="size"}')).toBeGreaterThan(0);
  expect(await metric("last_contact_seconds")).toBeLessThan(60);
});

test("an edge that serves is well, also without its control plane; so is one in maintenance, and not one whose nginx is away", async () => {
  const { controlPlane, node } = world;
  const agent = await start();
  await controlPlane.untilReport(({ structure }) => structure === 1);
  await expect.poll(async () => (await health()).body.checks.map(({ status }) => status)).toEqual(["ok", "ok", "ok"]);
  controlPlane.put("node", controlPlane.edgeId, '{"format":1,"state":"maintenance"}');
  await expect.poll(() => metric("nginx_running"), { timeout: 10_000 }).toBe(0);
  expect(await health()).toMatchObject({ status: 200, body: { status: "ok", node: "maintenance" } });
  await agent.stop();
  controlPlane.put("node", controlPlane.edgeId, '{"format":1,"state":"active"}');

  const squatter = createServer().listen(node.ports.http, "127.0.0.1");
  await once(squatter, "listening");
  await start();
  expect(await health()).toMatchObject({ status: 503, body: { status: "failed" } });
  squatter.close();
  await expect.poll(async () => (await health()).status, { timeout: 20_000 }).toBe(200);
  await controlPlane.stop();
  expect((await health()).status).toBe(200);
  await controlPlane.start();
}, 60_000);

test("a taken address is told, and keeps the edge from nothing; what else is asked for is not there", async () => {
  const squatter = createServer().listen(port, "127.0.0.1");
  await once(squatter, "listening");
  const agent = await start();
  expect(world.node.alarms.join()).toContain("AGENT_METRICS_ADDRESS cannot be listened on");
  await agent.stop();
  squatter.close();
  await once(squatter, "close");
  await start();
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
});

test("the clock of nginx is on the disk when the agent ends, and never goes back there", async () => {
  const { controlPlane, node } = world;
  const path = join(node.home, "state", "clock");
  const agent = await start();
  await controlPlane.untilReport(({ structure }) => structure === 1);
  await agent.stop();
  const first = Number(await readFile(path, "utf8"));
  expect(Math.abs(first - Date.now() / 1000)).toBeLessThan(60);
  await (await start()).stop();
  expect(Number(await readFile(path, "utf8"))).toBeGreaterThanOrEqual(first);
});
