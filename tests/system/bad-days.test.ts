// Bad days: each part of a running product is killed in turn, while a driver changes and asks in the background. Nothing
// that was acknowledged is lost, and the edge serves on.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { connectClickHouse } from "../../control-plane/database/clickhouse.ts";
import { connectDatabase } from "../../control-plane/database/connection.ts";
import { inTransaction } from "../../control-plane/database/transaction.ts";
import { distributionChanged } from "../../control-plane/domains/distribution/index.ts";
import { enqueueJob } from "../../control-plane/jobs/outbox.ts";
import { type Api, apiAt, createDistribution, eventually, register } from "./api.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { type Driver, startDriver } from "./driver.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { temporaryFolder } from "./product.ts";
import { view } from "./viewer.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let cluster: Cluster;
let origin: Origin;
let customer: Api;
let driver: Driver;
let served = 0;

beforeAll(async () => {
  folder = await temporaryFolder("bad-days");
  origin = await startOrigin();
  cluster = await startCluster(folder.path);
  customer = await register(apiAt(cluster.apiUrl));
  driver = await startDriver(customer, cluster.edge);
});

afterAll(async () => {
  await driver?.stop();
  await cluster?.stop();
  await origin?.stop();
  await folder?.remove();
});

beforeEach(() => untilReady());

async function untilReady(): Promise<void> {
  await eventually(async () => expect((await customer.call("GET", "/ready")).status).toBe(200), 30_000);
}

async function untilServed(host: string, withinMs?: number): Promise<void> {
  await eventually(async () => expect((await view(cluster.edge, host, "/")).status).toBe(200), withinMs);
}

async function newDistribution(name: string): Promise<{ id: string; host: string }> {
  served += 1;
  const host = `${name}-${served}.example.com`;
  const { id } = await createDistribution(customer, host, origin.url);
  return { id, host };
}

const dependency = z.object({ detail: z.string() });
const traffic = z.object({ data: z.array(z.object({ requests: z.number() })) });

async function requestsOf(distributionId: string): Promise<number> {
  const { data } = await customer.expect(
    200,
    traffic,
    "GET",
    `/api/v1/reports/traffic?distribution_id=${distributionId}&interval=hour`,
  );
  return data.reduce((sum, { requests }) => sum + requests, 0);
}

/** Master and workers: workers go on without their master. */
async function killNginx(): Promise<void> {
  const master = (await readFile(join(cluster.folder, "edge/run/nginx.pid"), "utf8")).trim();
  const workers = (await readFile(`/proc/${master}/task/${master}/children`, "utf8")).trim().split(" ");
  driver.views.nginxIsKilled();
  for (const pid of [master, ...workers]) process.kill(Number(pid), "SIGKILL");
}

test("control plane killed: the edge serves on, also after a restart of its own, and catches up afterwards", async () => {
  const { host } = await newDistribution("alone");
  await untilServed(host);
  for (const role of ["server:start", "worker:start", "schedule:start"] as const) await cluster.kill(role);
  expect((await view(cluster.edge, host, "/while-away")).status).toBe(200);

  await cluster.kill("agent:start");
  expect((await view(cluster.edge, host, "/without-an-agent")).status).toBe(200);
  await killNginx();
  await eventually(async () => {
    await expect(view(cluster.edge, host, "/dark")).rejects.toThrow();
  });
  await cluster.start("agent:start");
  expect((await view(cluster.edge, host, "/after-a-restart")).status).toBe(200);

  for (const role of ["worker:start", "server:start", "schedule:start"] as const) await cluster.start(role);
  const later = await newDistribution("later");
  await untilServed(later.host);
});

test("Postgres away: 503 that names it, the edge serves on, and everything recovers by itself", async () => {
  const { id, host } = await newDistribution("database");
  await untilServed(host);
  await cluster.kill("postgres");
  const answer = await customer.call("GET", `/api/v1/distributions/${id}`);
  expect(answer.status).toBe(503);
  expect(dependency.parse(answer.body).detail).toContain("database");
  const ready = await customer.call("GET", "/ready");
  expect(ready.status).toBe(503);
  expect(JSON.stringify(ready.body)).toMatch(/"name":"database","status":"failed"/);
  expect((await view(cluster.edge, host, "/meanwhile")).status).toBe(200);
  await cluster.start("postgres");
  await untilReady();
  const later = await newDistribution("database-back");
  await untilServed(later.host, 30_000);
});

test("ClickHouse away: reports say so, all else goes on, and no log line is lost or counted twice", async () => {
  const { id, host } = await newDistribution("clickhouse");
  await untilServed(host);
  const before = await eventually(async () => {
    const seen = await requestsOf(id);
    expect(seen).toBeGreaterThan(0);
    return seen;
  });
  await cluster.kill("clickhouse");
  const answer = await customer.call("GET", `/api/v1/reports/traffic?distribution_id=${id}&interval=hour`);
  expect(answer.status).toBe(503);
  expect(dependency.parse(answer.body).detail).toContain("clickhouse");
  for (let request = 0; request < 20; request += 1) await view(cluster.edge, host, `/unseen-${request}`);
  const meanwhile = await newDistribution("without-clickhouse");
  await untilServed(meanwhile.host);
  await cluster.start("clickhouse");
  await eventually(async () => expect(await requestsOf(id)).toBe(before + 20), 60_000);
});

test("Redis away: slower, not wrong; a change made meanwhile arrives", async () => {
  const { host } = await newDistribution("redis");
  await untilServed(host);
  await cluster.kill("redis");
  const meanwhile = await newDistribution("without-redis");
  expect((await view(cluster.edge, host, "/")).status).toBe(200);
  await cluster.start("redis");
  await untilServed(meanwhile.host, 60_000);
});

test("Redis comes back empty: what was waiting in the queue still arrives", async () => {
  await cluster.kill("worker:start");
  const { host } = await newDistribution("forgotten");
  await cluster.kill("redis");
  await cluster.start("redis");
  await cluster.start("worker:start");
  await untilServed(host, 60_000);
});

test("a worker killed between outbox and compile: the change still arrives", async () => {
  const hosts: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    const changes = Array.from({ length: 20 }, () => newDistribution("worker"));
    await changes[0];
    await cluster.kill("worker:start");
    hosts.push(...(await Promise.all(changes)).map(({ host }) => host));
    await cluster.start("worker:start");
  }
  for (const host of hosts) await untilServed(host, 60_000);
});

/** What no check of ours would let pass: a fault planted below them, and then compiled. */
async function plant(table: string, where: Record<string, string>, fault: Record<string, string>, id: string) {
  const { db, part } = connectDatabase(cluster.env.DATABASE_URL ?? "", { poolMax: 1, applicationName: "test" });
  await inTransaction(db, async (tx) => {
    await tx(table).where(where).update(fault);
    await tx("distribution")
      .where({ id })
      .update({ version: tx.raw("version + 1") });
    await enqueueJob(tx, distributionChanged, { distribution_id: id });
  });
  await part.stop();
}

const failed = z.object({ status: z.literal("failed"), status_reason: z.string() });
const untilFailed = (id: string) =>
  eventually(() => customer.expect(200, failed, "GET", `/api/v1/distributions/${id}`));

test("a document that does not compile is quarantined with the field and the reason; all others go on", async () => {
  const bad = await newDistribution("bad");
  await untilServed(bad.host);
  await plant("origin", { distribution_id: bad.id }, { host_header: 'x";\nevil on' }, bad.id);
  expect((await untilFailed(bad.id)).status_reason).toBe(
    "origin/servers/0/host_header: must be a host name, with a port or without",
  );
  expect((await view(cluster.edge, bad.host, "/last-good-version")).status).toBe(200);
  const good = await newDistribution("good");
  await untilServed(good.host);
});

const refusedByTheEdge = z.object({
  state: z.literal("failed"),
  edges: z.tuple([
    z.object({
      edge: z.literal("edge-1"),
      state: z.literal("refused"),
      refused: z.object({ stage: z.literal("push"), message: z.string() }),
    }),
  ]),
});

test("a document that the edge refuses is quarantined with the edge's reason; all others go on", async () => {
  const holder = await newDistribution("holder");
  const bad = await newDistribution("thief");
  for (const { host } of [holder, bad]) await untilServed(host);
  await plant("distribution", { id: bad.id }, { domain: holder.host }, bad.id);
  const reason = `the host ${holder.host} belongs to ${holder.id}`;
  expect((await untilFailed(bad.id)).status_reason).toBe(`edge-1 refused it (push): ${reason}`);
  const deployment = `/api/v1/distributions/${bad.id}/deployment`;
  const { edges } = await customer.expect(200, refusedByTheEdge, "GET", deployment);
  expect(edges[0].refused.message).toBe(reason);
  for (const { host } of [holder, bad]) expect((await view(cluster.edge, host, "/as-before")).status).toBe(200);
  const good = await newDistribution("good");
  await untilServed(good.host);
});

const line = z.object({ path: z.string(), lines: z.coerce.number() });

/** As they lie in ClickHouse. */
async function logLinesByPath(distributionId: string): Promise<ReadonlyMap<string, number>> {
  const { clickhouse, part } = connectClickHouse(cluster.env.CLICKHOUSE_URL ?? "");
  const answer = await clickhouse.query({
    query: "SELECT path, count() AS lines FROM access_log WHERE distribution_id = {id:UUID} GROUP BY path",
    query_params: { id: distributionId },
    format: "JSONEachRow",
  });
  const rows = z.array(line).parse(await answer.json());
  await part.stop();
  return new Map(rows.map(({ path, lines }) => [path, lines]));
}

test("on all these days no acknowledged change was lost, and no log line but the last second of a killed nginx", async () => {
  await driver.finish();
  const { watched, changes, views } = driver;
  const answered = views.answered();
  expect(answered.length).toBeGreaterThan(50);
  expect(changes.acknowledged()).toBeGreaterThan(10);
  expect(answered.filter(({ status }) => status !== 200)).toEqual([]);
  expect(changes.refusals()).toEqual([]);

  const lines = await eventually(async () => {
    const found = await logLinesByPath(watched.id);
    const missing = answered.filter(({ path }) => !found.has(path));
    expect(missing.filter((view) => !views.mayBeUnlogged(view))).toEqual([]);
    return found;
  }, 30_000);
  const viewed = [...lines].filter(([path]) => path.startsWith("/view-"));
  expect(viewed.filter(([, count]) => count !== 1)).toEqual([]);
  expect(await requestsOf(watched.id)).toBe([...lines.values()].reduce((sum, count) => sum + count, 0));

  for (const { host, originUrl } of changes.told()) {
    await eventually(async () => expect(await driver.ask(host, "/")).toEqual({ status: 200, body: originUrl }), 30_000);
  }
});
