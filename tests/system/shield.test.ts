// An origin shield as an operator sets it up: two groups with a parent, every edge with an agent of its own, all of it by
// the API. One of them sends its log lines straight to ClickHouse.
import { type ChildProcess, spawn } from "node:child_process";
import { openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endProcesses } from "../../agents/observe/nginx-launch.ts";
import { answerOf, type Schemas } from "../../client/index.ts";
import { openNginx } from "../../platform/embedded/nginx.ts";
import { testTools } from "../../platform/embedded/test-services.ts";
import { type Api, apiAt, createDistribution, eventually, register } from "./api.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { pickPort } from "./ports.ts";
import { PROGRAM, type Product, productEnvironment, startProduct, temporaryFolder } from "./product.ts";
import { view } from "./viewer.ts";

const NGINX_GRACE_MS = 3_000;
const APPLIED_WITHIN_MS = 30_000;

interface Edge {
  readonly groupId: string;
  readonly httpPort: number;
  readonly httpsPort: number;
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let origin: Origin;
let product: Product;
let operator: Api;
let customer: Api;
/** The product's own edge and another one are children of the third. */
let children: readonly Edge[];
let parent: Edge;
const agents: ChildProcess[] = [];
const homes: string[] = [];

beforeAll(async () => {
  folder = await temporaryFolder("shield");
  origin = await startOrigin();
  origin.answer((path) => ({ headers: { "cache-control": "max-age=600" }, body: `this is ${path}` }));
  const env = await productEnvironment(join(folder.path, "product"));
  product = await startProduct(env);
  const guest = apiAt(product.apiUrl);
  const login = { login: env.ADMIN_EMAIL ?? "", password: env.ADMIN_PASSWORD ?? "" };
  operator = guest.as(answerOf(await guest.client.POST("/api/v1/auth/login", { body: login })).token);
  customer = await register(guest);
  parent = await startEdge("parent", { parent: await pickPort() });
  const leaf = await startEdge("leaf", {}, { LOG_CLICKHOUSE_URL: await clickHouseUrl() });
  const local = (await groups()).find(({ name }) => name === "local")?.id ?? "";
  children = [{ groupId: local, ...product.edge }, leaf];
});
afterAll(async () => {
  for (const agent of agents) agent.kill("SIGKILL");
  for (const home of homes) await endProcesses(home, NGINX_GRACE_MS);
  await product?.stop();
  await origin?.stop();
  await folder?.remove();
});

const groups = async () => answerOf(await operator.client.GET("/api/v1/edge-groups")).data;

/** That of the product's own. */
async function clickHouseUrl(): Promise<string> {
  const [password, port] = await Promise.all(
    ["password", "port"].map(async (name) =>
      (await readFile(join(product.dataFolder, "clickhouse", name), "utf8")).trim(),
    ),
  );
  return `http://edgewright:${password}@127.0.0.1:${port}/edgewright`;
}

/** A group with one edge. */
async function startEdge(
  name: string,
  listeners: { parent?: number },
  settings: { LOG_CLICKHOUSE_URL?: string } = {},
): Promise<Edge> {
  const [http, https] = [await pickPort(), await pickPort()];
  const group = { listeners: { host: "127.0.0.1", http, https, ...listeners }, workers: { count: 1 } };
  const { id } = answerOf(await operator.client.POST("/api/v1/edge-groups", { body: { name, settings: group } }));
  const params = { path: { id } };
  const { token } = answerOf(await operator.client.POST("/api/v1/edge-groups/{id}/enrolment-tokens", { params }));
  const home = join(folder.path, name);
  const env = {
    PATH: process.env.PATH,
    CONTROL_PLANE_URL: product.apiUrl,
    EDGE_HOME: home,
    EDGE_NAME: name,
    EDGE_ENROLMENT_TOKEN: token,
    ALLOW_PRIVATE_ORIGINS: "true",
    AGENT_METRICS_ADDRESS: "off",
    NGINX_INSTALLATION: JSON.stringify(await openNginx({ path: undefined, openTools: testTools })),
    ...settings,
  };
  const output = openSync(join(folder.path, `${name}.log`), "a");
  agents.push(spawn(process.execPath, [PROGRAM, "agent:start"], { env, stdio: ["ignore", output, output] }));
  homes.push(home);
  const edge = { groupId: id, httpPort: http, httpsPort: https };
  await eventually(async () => expect((await view(edge, "localhost", "/__edge/health")).status).toBe(200), 60_000);
  return edge;
}

async function patchGroup(id: string, settings: Schemas["EdgeGroup"]["settings"] | { parent_group_id: string | null }) {
  const params = { path: { id } };
  answerOf(await operator.client.PATCH("/api/v1/edge-groups/{id}", { params, body: { settings } }));
}

async function edgeId({ groupId }: Edge): Promise<string> {
  const query = { group_id: groupId };
  const [edge] = answerOf(await operator.client.GET("/api/v1/edges", { params: { query } })).data;
  return edge?.id ?? "";
}

async function patchParentEdge(body: { address?: string; state?: "active" | "draining" }): Promise<void> {
  const params = { path: { id: await edgeId(parent) } };
  answerOf(await operator.client.PATCH("/api/v1/edges/{id}", { params, body }));
}

let asked = 0;

/** How many groups a fresh miss passes on its way to the origin. */
async function groupsPassed(edge: Edge, host: string): Promise<number> {
  asked += 1;
  const path = `/probe-${asked}`;
  expect((await view(edge, host, path)).status).toBe(200);
  const [request] = origin.requests.filter(({ url }) => url === path);
  return String(request?.headers["cdn-loop"]).split(", ").length;
}

const untilPassed = (host: string, expected: number) =>
  eventually(
    async () =>
      expect(await Promise.all(children.map((edge) => groupsPassed(edge, host)))).toEqual([expected, expected]),
    APPLIED_WITHIN_MS,
  );

test("an operator gives two groups a parent, and the origin hears of each object once", async () => {
  const host = "shielded.example.com";
  await createDistribution(customer, host, origin.url);
  await eventually(async () => {
    for (const edge of [...children, parent]) expect((await view(edge, host, "/")).status).toBe(200);
  }, APPLIED_WITHIN_MS);
  await untilPassed(host, 1);

  await patchParentEdge({ address: "127.0.0.1" });
  for (const { groupId } of children) await patchGroup(groupId, { parent_group_id: parent.groupId });
  await untilPassed(host, 2);

  const herd = children.flatMap((edge) => Array.from({ length: 20 }, () => view(edge, host, "/herd")));
  expect(new Set((await Promise.all(herd)).map(({ status, body }) => `${status} ${body}`))).toEqual(
    new Set(["200 this is /herd"]),
  );
  expect(origin.requests.filter(({ url }) => url === "/herd")).toHaveLength(1);
});

test("a parent that drains is asked no more, until it is back", async () => {
  const host = "drained.example.com";
  await createDistribution(customer, host, origin.url);
  await eventually(async () => expect((await view(parent, host, "/")).status).toBe(200), APPLIED_WITHIN_MS);
  await eventually(async () => {
    for (const edge of children) expect((await view(edge, host, "/")).status).toBe(200);
  }, APPLIED_WITHIN_MS);
  await untilPassed(host, 2);
  await patchParentEdge({ state: "draining" });
  await untilPassed(host, 1);
  await patchParentEdge({ state: "active" });
  await untilPassed(host, 2);
});

test("a distribution that is kept to the children is on the parent's edges, too", async () => {
  const host = "kept.example.com";
  const body = { domain: host, origin: { url: origin.url }, edge_group_ids: children.map(({ groupId }) => groupId) };
  answerOf(await customer.client.POST("/api/v1/distributions", { body }));
  await eventually(async () => {
    for (const edge of [...children, parent]) expect((await view(edge, host, "/")).status).toBe(200);
  }, APPLIED_WITHIN_MS);
  await untilPassed(host, 2);
});

test("an edge that writes straight to ClickHouse is in the same reports, its viewers nameless by the platform's salts", async () => {
  const host = "direct.example.com";
  const today = () => new Date().toISOString().slice(0, 10);
  const began = today();
  const { id } = await createDistribution(customer, host, origin.url);
  const served = await Promise.all(
    children.map(async (edge) => {
      let requests = 0;
      const ask = async (path: string) => {
        expect((await view(edge, host, path)).status).toBe(200);
        requests += 1;
      };
      await eventually(() => ask("/"), APPLIED_WITHIN_MS);
      for (let page = 0; page < 5; page += 1) await ask(`/${page}`);
      return { edge_id: await edgeId(edge), requests };
    }),
  );
  const query = {
    distribution_id: id,
    group_by: "edge_id" as const,
    // An edge that has just heard of the origin may have failed once.
    status: "200",
    metrics: "requests,visitors",
    interval: "day" as const,
  };
  await eventually(async () => {
    const { groups, total } = answerOf(await customer.client.GET("/api/v1/reports/traffic", { params: { query } }));
    expect(groups).toHaveLength(served.length);
    expect(groups).toEqual(expect.arrayContaining(served.map((edge) => expect.objectContaining(edge))));
    expect(total.requests).toBe(served.reduce((sum, { requests }) => sum + requests, 0));
    // The same viewer asked both edges. Who comes on two days is two.
    if (today() === began) expect(total.visitors).toBe(1);
  }, APPLIED_WITHIN_MS);

  const { salts } = JSON.parse(await readFile(join(folder.path, "leaf", "logs", "salts.json"), "utf8"));
  expect(Object.keys(salts)).toContain(began);
  expect(Object.keys(salts).length).toBeGreaterThan(7);
  expect((await fetch(`${product.apiUrl}/edge/v1/log-salts`)).status).toBe(401);
});
