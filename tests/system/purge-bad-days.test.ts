// Purges on bad days: what was acknowledged outlives whoever was to carry it, and an edge that was away catches up with it
// before it serves. Each part of the product is a process of its own here, which is killed with -9.
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { endProcesses } from "../../agents/observe/nginx-launch.ts";
import { type Api, apiAt, createDistribution, eventually, register } from "./api.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { temporaryFolder } from "./product.ts";
import { view } from "./viewer.ts";

const HOST = "www.example.com";
const PURGES = 20;
const NGINX_GRACE_MS = 3_000;

const purgeSchema = z.looseObject({ id: z.uuid(), status: z.string() });

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let cluster: Cluster;
let origin: Origin;
let customer: Api;
let path: string;
let version = 0;

beforeAll(async () => {
  folder = await temporaryFolder("purge-bad-days");
  origin = await startOrigin();
  publish();
  cluster = await startCluster(folder.path);
  customer = await register(apiAt(cluster.apiUrl));
  const { id } = await createDistribution(customer, HOST, origin.url);
  path = `/api/v1/distributions/${id}/purges`;
  await eventually(async () => expect((await view(cluster.edge, HOST, "/")).status).toBe(200), 30_000);
});

afterAll(async () => {
  await cluster?.stop();
  await origin?.stop();
  await folder?.remove();
});

/** The origin says something else from now on. */
function publish(): string {
  version += 1;
  const body = `version ${version}`;
  origin.answer(() => ({ headers: { "cache-control": "max-age=3600" }, body }));
  return body;
}

const seen = async (page: string) => (await view(cluster.edge, HOST, page)).body;

async function purge(body: unknown): Promise<string> {
  return (await customer.expect(202, purgeSchema, "POST", path, body)).id;
}

function untilDone(id: string) {
  return eventually(async () => {
    expect(await customer.expect(200, purgeSchema, "GET", `${path}/${id}`)).toMatchObject({ status: "done" });
  }, 60_000);
}

/** Each is told of in one call: what a crash loses of them would be one page that is still old. */
async function keepPages(): Promise<readonly string[]> {
  const pages = Array.from({ length: PURGES }, (_, index) => `/page-${version}-${index}`);
  for (const page of pages) await seen(page);
  return pages;
}

test("what was acknowledged while workers and the API die with -9 is purged when they are back", async () => {
  const pages = await keepPages();
  const fresh = publish();
  const ids: string[] = [];
  for (const [index, page] of pages.entries()) {
    ids.push(await purge({ urls: [page] }));
    if (index === PURGES / 4) await cluster.kill("worker:start");
    if (index === PURGES / 2) {
      await cluster.start("worker:start");
      await cluster.kill("server:start");
      await cluster.start("server:start");
    }
    if (index === (PURGES * 3) / 4) await cluster.kill("worker:start");
  }
  await cluster.start("worker:start");
  for (const id of ids) await untilDone(id);
  for (const page of pages) expect(await seen(page), page).toBe(fresh);
});

test("what was acknowledged while Redis is away is purged, and what it has lost too", async () => {
  const pages = await keepPages();
  const fresh = publish();
  const [first = "", ...others] = pages;
  const ids = [await purge({ urls: [first] })];
  await cluster.kill("redis");
  for (const page of others) ids.push(await purge({ urls: [page] }));
  await cluster.start("redis");
  for (const id of ids) await untilDone(id);
  for (const page of pages) expect(await seen(page), page).toBe(fresh);
});

test("an edge that was away serves nothing that was purged meanwhile, from its first answer on", async () => {
  const pages = await keepPages();
  const old = await seen(pages[0] ?? "");
  await cluster.kill("agent:start");
  await endProcesses(`${folder.path}/edge`, NGINX_GRACE_MS);
  const fresh = publish();
  const id = await purge({ urls: pages.slice(0, PURGES / 2) });
  await cluster.start("agent:start");
  const bodies = await Promise.all(pages.map(seen));
  expect(bodies.slice(0, PURGES / 2)).toEqual(Array(PURGES / 2).fill(fresh));
  // Its disk is as it was: what nobody purged is there.
  expect(bodies.slice(PURGES / 2)).toEqual(Array(PURGES / 2).fill(old));
  await untilDone(id);
});
