// Two edges in two groups on one machine, as an operator runs them: what is kept to one group, settings that an edge cannot
// run, an edge that drains, and one that is deleted while its agent runs.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { endProcesses } from "../../agents/observe/nginx-launch.ts";
import { answerOf } from "../../client/index.ts";
import { openNginx } from "../../platform/embedded/nginx.ts";
import { testTools } from "../../platform/embedded/test-services.ts";
import { type Api, apiAt, eventually, register } from "./api.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { pickPort } from "./ports.ts";
import { PROGRAM, type Product, productEnvironment, startProduct, temporaryFolder } from "./product.ts";
import { view } from "./viewer.ts";

const run = promisify(execFile);
const NGINX_GRACE_MS = 3_000;
const APPLIED_WITHIN_MS = 30_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let origin: Origin;
let product: Product;
let operator: Api;
let customer: Api;
/** The edge of the group `rome`; the product's own is of the group `local`. */
let rome: { readonly groupId: string; readonly httpPort: number; readonly httpsPort: number; readonly home: string };
let agent: ChildProcess;

beforeAll(async () => {
  folder = await temporaryFolder("groups");
  origin = await startOrigin();
  origin.answer(() => ({ headers: { "cache-control": "max-age=60" }, body: "hello" }));
  const env = await productEnvironment(join(folder.path, "product"));
  product = await startProduct(env);
  const guest = apiAt(product.apiUrl);
  const login = { login: env.ADMIN_EMAIL ?? "", password: env.ADMIN_PASSWORD ?? "" };
  operator = guest.as(answerOf(await guest.client.POST("/api/v1/auth/login", { body: login })).token);
  customer = await register(guest);
  rome = await createGroup("rome");
  agent = await startAgent("rome-1");
});
afterAll(async () => {
  agent?.kill("SIGKILL");
  if (rome !== undefined) await endProcesses(rome.home, NGINX_GRACE_MS);
  await product?.stop();
  await origin?.stop();
  await folder?.remove();
});

async function createGroup(name: string): Promise<typeof rome> {
  const [http, https] = [await pickPort(), await pickPort()];
  const settings = { listeners: { host: "127.0.0.1", http, https }, workers: { count: 1 } };
  const group = answerOf(await operator.client.POST("/api/v1/edge-groups", { body: { name, settings } }));
  return { groupId: group.id, httpPort: http, httpsPort: https, home: join(folder.path, name) };
}

async function startAgent(name: string): Promise<ChildProcess> {
  const path = { id: rome.groupId };
  const { token } = answerOf(
    await operator.client.POST("/api/v1/edge-groups/{id}/enrolment-tokens", { params: { path } }),
  );
  const env = {
    PATH: process.env.PATH,
    CONTROL_PLANE_URL: product.apiUrl,
    EDGE_HOME: rome.home,
    EDGE_NAME: name,
    EDGE_ENROLMENT_TOKEN: token,
    EDGE_KEEP_SERVING: "true",
    ALLOW_PRIVATE_ORIGINS: "true",
    AGENT_METRICS_ADDRESS: "off",
    NGINX_INSTALLATION: JSON.stringify(await openNginx({ path: undefined, openTools: testTools })),
  };
  const output = openSync(agentLog(), "a");
  const child = spawn(process.execPath, [PROGRAM, "agent:start"], { env, stdio: ["ignore", output, output] });
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`the agent ended: ${await readFile(agentLog(), "utf8")}`);
    expect((await health()).status).toBe(200);
  }, 60_000);
  return child;
}

const agentLog = () => join(folder.path, "rome-agent.log");

async function health(): Promise<{ status: number; body: string }> {
  const url = `http://127.0.0.1:${rome.httpPort}/__edge/health`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  return { status: answer.status, body: await answer.text() };
}

const statusOn = async (edge: { httpPort: number; httpsPort: number }, host: string) =>
  (await view(edge, host, "/")).status;

/** What viewers of a host get on the product's own edge and on that of rome. */
async function untilServed(host: string, expected: readonly [local: number, rome: number]): Promise<void> {
  await eventually(
    async () => expect([await statusOn(product.edge, host), await statusOn(rome, host)]).toEqual(expected),
    APPLIED_WITHIN_MS,
  );
}

async function edgeOfRome() {
  const query = { group_id: rome.groupId };
  const [edge] = answerOf(await operator.client.GET("/api/v1/edges", { params: { query } })).data;
  if (edge === undefined) throw new Error("rome has no edge");
  return edge;
}

async function createDistribution(domain: string, groups: readonly string[] | null) {
  const body = { domain, origin: { url: origin.url }, edge_group_ids: groups === null ? null : [...groups] };
  return answerOf(await customer.client.POST("/api/v1/distributions", { body }));
}

test("a distribution is served by the groups that it is kept to, and a 421 on the edges of others", async () => {
  const host = "kept.example.com";
  const { id } = await createDistribution(host, [rome.groupId]);
  await untilServed(host, [421, 200]);
  const points = answerOf(await customer.client.GET("/api/v1/points-of-presence")).data;
  expect(points.map(({ name }) => name)).toEqual(["local", "rome"]);
  const local = points.find(({ name }) => name === "local")?.id ?? "";

  const patch = async (groups: string[] | null) => {
    const params = { path: { id } };
    return answerOf(
      await customer.client.PATCH("/api/v1/distributions/{id}", { params, body: { edge_group_ids: groups } }),
    );
  };
  await patch([local]);
  await untilServed(host, [200, 421]);
  await eventually(async () => {
    const params = { path: { id } };
    const { groups, state } = answerOf(await customer.client.GET("/api/v1/distributions/{id}/deployment", { params }));
    expect([state, groups.map((group) => [group.group, group.state]).sort()]).toEqual([
      "active",
      [
        ["local", "active"],
        ["rome", "removed"],
      ],
    ]);
  });
  await patch(null);
  await untilServed(host, [200, 200]);
});

test("settings that an edge cannot run are told by their group, and it serves on with those before", async () => {
  const host = "settings.example.com";
  await createDistribution(host, null);
  await untilServed(host, [200, 200]);
  const params = { path: { id: rome.groupId } };
  const disks = [{ path: join(folder.path, "no-such-disk"), max_gb: 1 }];
  const body = { settings: { cache: { disks } } };
  answerOf(await operator.client.PATCH("/api/v1/edge-groups/{id}", { params, body }));
  const group = () => operator.client.GET("/api/v1/edge-groups/{id}", { params }).then(answerOf);
  await eventually(async () => {
    const { refused } = await group();
    expect(refused).toMatchObject([
      { edge: "rome-1", stage: "taste", message: expect.stringContaining("no-such-disk") },
    ]);
  }, APPLIED_WITHIN_MS);
  expect(await statusOn(rome, host)).toBe(200);

  const { version } = await group();
  const back = { version: version - 1 };
  answerOf(await operator.client.POST("/api/v1/edge-groups/{id}/rollback", { params, body: back }));
  await eventually(async () => expect((await group()).refused).toEqual([]), APPLIED_WITHIN_MS);
  expect(await statusOn(rome, host)).toBe(200);
});

test("an edge that drains says so to whoever sends viewers, serves on, and comes back", async () => {
  const host = "drained.example.com";
  await createDistribution(host, null);
  await untilServed(host, [200, 200]);
  const params = { path: { id: (await edgeOfRome()).id } };
  answerOf(await operator.client.PATCH("/api/v1/edges/{id}", { params, body: { state: "draining" } }));
  await eventually(async () => expect((await health()).status).toBe(503), APPLIED_WITHIN_MS);
  expect((await health()).body).toContain("draining");
  expect(await statusOn(rome, host)).toBe(200);
  const listed = await run(process.execPath, [PROGRAM, "edges", "--group", "rome"], { env: product.env });
  expect(listed.stdout).toMatch(/^rome +rome-1 +draining +\d+ +0 +20/m);

  answerOf(await operator.client.PATCH("/api/v1/edges/{id}", { params, body: { state: "active" } }));
  await eventually(async () => expect((await health()).status).toBe(200), APPLIED_WITHIN_MS);
});

test("an edge that is deleted is locked out at once; it says so, and serves on what it has", async () => {
  const [host, later] = ["before.example.com", "after.example.com"];
  await createDistribution(host, null);
  await untilServed(host, [200, 200]);
  const params = { path: { id: (await edgeOfRome()).id } };
  expect((await operator.client.DELETE("/api/v1/edges/{id}", { params })).response.status).toBe(204);
  expect((await operator.client.GET("/api/v1/edges/{id}", { params })).response.status).toBe(404);
  await createDistribution(later, null);
  await eventually(async () => expect(await statusOn(product.edge, later)).toBe(200), APPLIED_WITHIN_MS);
  await eventually(
    async () => expect(await readFile(agentLog(), "utf8")).toContain("does not take this edge's credential any more"),
    60_000,
  );
  expect([await statusOn(rome, host), await statusOn(rome, later)]).toEqual([200, 421]);

  agent.kill("SIGTERM");
  await once(agent, "exit");
  const groupPath = { path: { id: rome.groupId } };
  expect((await operator.client.DELETE("/api/v1/edge-groups/{id}", { params: groupPath })).response.status).toBe(204);
  const { data } = answerOf(await operator.client.GET("/api/v1/edge-groups"));
  expect(
    z
      .array(z.looseObject({ name: z.string() }))
      .parse(data)
      .map(({ name }) => name),
  ).toEqual(["local"]);
});
