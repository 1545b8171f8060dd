// The thinnest real path through every room: a customer's change becomes an answer at the edge, and the answer a report.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type Api, apiAt, createDistribution, eventually, register } from "./api.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { PROGRAM, type Product, productEnvironment, startProduct, temporaryFolder } from "./product.ts";
import { type HttpVersion, view } from "./viewer.ts";

const run = promisify(execFile);
const ONE_SECOND_MS = 1000;
const LOG_DEADLINE_MS = 5000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let product: Product;
let origin: Origin;
let customer: Awaited<ReturnType<typeof register>>;
let api: Api;

beforeAll(async () => {
  folder = await temporaryFolder("path");
  origin = await startOrigin();
  product = await startProduct(await productEnvironment(folder.path));
  api = apiAt(product.apiUrl);
  customer = await register(api);
});

afterAll(async () => {
  await product?.stop();
  await origin?.stop();
  await folder?.remove();
});

/** Until the edge serves the host, however that answer looks. */
function served(host: string) {
  return eventually(async () => {
    const seen = await view(product.edge, host, "/first-look");
    expect(seen.status).toBe(200);
    return seen;
  });
}

test("it ends its start with one line that says it is ready and where", () => {
  const line = product.output().split("\n").at(-1);
  expect(line).toMatch(/^Edgewright is ready/);
  expect(line).toContain(`${product.apiUrl}/api/v1`);
  expect(line).toContain(String(product.edge.httpPort));
});

test("GET /ready names each dependency", async () => {
  const ready = z.object({
    status: z.literal("ready"),
    dependencies: z.array(z.object({ name: z.string(), status: z.literal("ok") })),
  });
  const { dependencies } = await api.expect(200, ready, "GET", "/ready");
  expect(dependencies.map(({ name }) => name).sort()).toEqual([
    "certificate authority",
    "clickhouse",
    "database",
    "object storage",
    "redis",
  ]);
});

test.each<[HttpVersion, string]>([
  ["http1.1", "1.1"],
  ["http2", "2"],
  ["http3-only", "3"],
])("a new distribution is served over %s: first MISS, then HIT", async (version, spoken) => {
  const host = `${version.replace(".", "")}.example.com`;
  await createDistribution(customer, host, origin.url);
  await served(host);
  const path = `/page?x=${spoken}`;
  const first = await view(product.edge, host, path, { version });
  const second = await view(product.edge, host, path, { version });
  expect([first.version, second.version]).toEqual([spoken, spoken]);
  expect([first.headers.get("x-cache"), second.headers.get("x-cache")]).toEqual(["MISS", "HIT"]);
  expect(second.body).toBe(`origin says ${path}`);
  expect(second.headers.get("x-request-id")).toBeTruthy();
  expect(origin.requests.filter(({ url }) => url === path)).toHaveLength(1);
});

test("a change is live within a second, and nginx is not reloaded for it", async () => {
  const other = await startOrigin();
  other.answer(() => ({ headers: { "cache-control": "no-store" }, body: "from the other origin" }));
  const { id } = await createDistribution(customer, "change.example.com", origin.url);
  await served("change.example.com");
  const workersBefore = await nginxWorkers();
  const changed = await customer.call("PATCH", `/api/v1/distributions/${id}`, { origin: { url: other.url } });
  expect(changed.status).toBe(200);
  await eventually(async () => {
    const seen = await view(product.edge, "change.example.com", `/fresh-${Math.random()}`);
    expect(seen.body).toBe("from the other origin");
  }, ONE_SECOND_MS);
  expect(await nginxWorkers()).toEqual(workersBefore);
  await other.stop();
});

test("an update with If-Match goes through only while nobody else has changed the distribution", async () => {
  const { id } = await createDistribution(customer, "if-match.example.com", origin.url);
  const path = `/api/v1/distributions/${id}`;
  const etag = await eventually(async () => {
    const { headers, body } = await customer.call("GET", path);
    expect(body).toMatchObject({ status: "active" });
    return headers.get("etag") ?? "";
  });
  const first = await customer.call("PATCH", path, { label: "first" }, { "if-match": etag });
  expect(first.status).toBe(200);
  expect((await customer.call("PATCH", path, { label: "second" }, { "if-match": etag })).status).toBe(412);
  expect((await customer.call("DELETE", path, undefined, { "if-match": etag })).status).toBe(412);
  expect((await customer.call("GET", path)).body).toMatchObject({ label: "first" });
});

test("the deployment tells what is wanted and what each edge applied", async () => {
  const { id } = await createDistribution(customer, "deployment.example.com", origin.url);
  const deployment = z.object({
    state: z.literal("active"),
    groups: z.array(z.object({ group: z.literal("local"), revision: z.number().min(1) })).length(1),
    edges: z.array(z.object({ edge: z.literal("local"), applied: z.number(), refused: z.null() })).length(1),
  });
  const found = await eventually(() =>
    customer.expect(200, deployment, "GET", `/api/v1/distributions/${id}/deployment`),
  );
  expect(found.edges[0]?.applied).toBeGreaterThanOrEqual(found.groups[0]?.revision ?? 0);
  const active = z.object({ status: z.literal("active") });
  await customer.expect(200, active, "GET", `/api/v1/distributions/${id}`);
});

test("each request is in ClickHouse within 5 s, and the report counts it for its owner alone", async () => {
  const { id } = await createDistribution(customer, "counted.example.com", origin.url);
  await served("counted.example.com");
  const path = `/api/v1/reports/traffic?distribution_id=${id}&interval=hour`;
  const report = z.object({ data: z.array(z.object({ requests: z.number() })) });
  const count = async () =>
    (await customer.expect(200, report, "GET", path)).data.reduce((sum, { requests }) => sum + requests, 0);
  const before = await eventually(async () => {
    const seen = await count();
    expect(seen).toBeGreaterThan(0);
    return seen;
  });
  for (let request = 0; request < 7; request += 1) await view(product.edge, "counted.example.com", `/${request}`);
  await eventually(async () => expect(await count()).toBe(before + 7), LOG_DEADLINE_MS);
  const stranger = await register(api);
  expect((await stranger.call("GET", path)).status).toBe(404);
});

test("an unknown host gets 421, and a deleted distribution is gone from the edge", async () => {
  expect((await view(product.edge, "nobody.example.com", "/")).status).toBe(421);
  const { id } = await createDistribution(customer, "gone.example.com", origin.url);
  await served("gone.example.com");
  expect((await customer.call("DELETE", `/api/v1/distributions/${id}`)).status).toBe(202);
  await eventually(async () => expect((await view(product.edge, "gone.example.com", "/")).status).toBe(421));
  // Only what the edges have confirmed gets the time at which they stopped serving it.
  await eventually(async () =>
    expect((await customer.call("GET", `/api/v1/distributions/${id}`)).body).toMatchObject({
      status: "deleted",
      deleted_at: expect.any(String),
      gotipath_deleted_at: expect.any(String),
    }),
  );
});

test("domain:create does what the API does, and cdn:debug explains what every edge serves", async () => {
  const created = await edgewright("domain:create", "cli.example.com", "--origin", origin.url, "--json");
  const { domain } = z.object({ domain: z.string(), id: z.uuid() }).parse(JSON.parse(created));
  expect(domain).toBe("cli.example.com");
  await served("cli.example.com");
  const explained = await edgewright("cdn:debug", "cli.example.com");
  expect(explained).toContain("cli.example.com");
  expect(explained).toContain(new URL(origin.url).port);
  expect(explained).toContain("nginx.conf");
  expect(explained).toMatch(/local.*applied/i);
});

test("report draws what a domain served, tells it to programs, and says what was wrong with the question", async () => {
  const host = "drawn.example.com";
  const { id } = await createDistribution(customer, host, origin.url);
  await served(host);
  await view(product.edge, host, "/drawn");
  const told = z.object({ total: z.object({ requests: z.number().min(2) }) });
  const { total } = await eventually(() =>
    customer.expect(200, told, "GET", `/api/v1/reports/traffic?distribution_id=${id}`),
  );

  const asked = ["--last", "1h", "--timezone", "Europe/Berlin"];
  const [drawn, json, csv, unknown, wrong] = await Promise.all([
    report(host, ...asked),
    report(host, ...asked, "--json"),
    report(host, ...asked, "--csv"),
    report("unknown.example.com"),
    report(host, "--last", "foo", "--timezone", "Foo/Bar"),
  ]);

  expect(drawn.code, drawn.errors).toBe(0);
  expect(drawn.output).toMatch(/^Traffic of drawn\.example\.com, .*Berlin/);
  expect(drawn.output).toMatch(new RegExp(`^Requests +${total.requests}$`, "m"));
  expect(drawn.output).toContain("drawn.example.com/drawn");
  expect(json.code, json.errors).toBe(0);
  expect(JSON.parse(json.output)).toMatchObject({ domain: host, traffic: { total } });
  expect(csv.code, csv.errors).toBe(0);
  expect(csv.output).toMatch(/^time,requests\r\n\d/);
  expect(unknown).toMatchObject({ code: 1, errors: expect.stringContaining("look at its name") });
  expect(wrong.errors).toContain("--last must be a time such as 90m, 24h or 30d.");
  expect(wrong).toMatchObject({ code: 2, errors: expect.stringContaining("--timezone must be a name such as Europe") });
});

/** As the customer, from anywhere. */
function report(...args: readonly string[]): Promise<{ code: unknown; output: string; errors: string }> {
  const env = { ...product.env, EDGEWRIGHT_URL: product.apiUrl, EDGEWRIGHT_TOKEN: customer.token };
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, "report", ...args], { env }, (error, output, errors) => {
      resolve({ code: error === null ? 0 : error.code, output, errors });
    });
  });
}

test("report:sync has nothing to take over where no other provider is configured, and says so to programs", async () => {
  const { providers } = JSON.parse(await edgewright("report:sync", "--json"));
  expect(providers.length).toBeGreaterThan(0);
  for (const provider of providers) {
    expect(provider).toMatchObject({ provider: expect.any(String), outcome: "not_configured", points: 0, error: null });
  }
});

test("tinker is a REPL with the services loaded", async () => {
  const child = execFile(process.execPath, [PROGRAM, "tinker"], { env: { ...product.env } });
  let said = "";
  child.stdout?.on("data", (text) => {
    said += text;
  });
  child.stdin?.end("(await services.distributions.list(operator, { limit: 1 })).length\n.exit\n");
  await new Promise((resolve) => child.once("exit", resolve));
  expect(said).toContain("1");
});

async function edgewright(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [PROGRAM, ...args], { env: { ...product.env } });
  return stdout;
}

/** The workers' process ids: a reload replaces all of them. */
async function nginxWorkers(): Promise<readonly string[]> {
  const master = (await readFile(join(product.dataFolder, "edge/run/nginx.pid"), "utf8")).trim();
  return (await readFile(`/proc/${master}/task/${master}/children`, "utf8")).trim().split(" ");
}

test("whoever prefers to wait is answered when the edges serve what they changed", async () => {
  const wait = { prefer: "wait=20" };
  const body = { domain: "waited.example.com", origin: { url: origin.url } };
  const created = await customer.call("POST", "/api/v1/distributions", body, wait);
  expect([created.status, created.headers.get("preference-applied")]).toEqual([201, "wait"]);
  const { id } = z.looseObject({ id: z.uuid() }).parse(created.body);
  expect(created.body).toMatchObject({ status: "active" });
  expect((await view(product.edge, "waited.example.com", "/")).status).toBe(200);
  await customer.call("POST", `/api/v1/distributions/${id}/disable`, undefined, wait);
  expect((await view(product.edge, "waited.example.com", "/")).status).toBe(503);
  await customer.call("POST", `/api/v1/distributions/${id}/enable`, undefined, wait);
  expect((await view(product.edge, "waited.example.com", "/")).status).toBe(200);
});

test("an account over a quota that cuts off gets 503 for all that it has, whatever it does, until the quota is raised", async () => {
  const { token } = await api.expect(200, z.object({ token: z.string() }), "POST", "/api/v1/auth/login", {
    login: product.env.ADMIN_EMAIL,
    password: product.env.ADMIN_PASSWORD,
  });
  const operator = api.as(token);
  const greedy = await register(api);
  const { id } = await createDistribution(greedy, "greedy.example.com", origin.url);
  const { id: disabled } = await createDistribution(greedy, "disabled.example.com", origin.url);
  for (const host of ["greedy.example.com", "disabled.example.com"]) await served(host);
  await greedy.expect(200, z.unknown(), "POST", `/api/v1/distributions/${disabled}/disable`);
  const used = z.object({ requests: z.object({ used: z.number().min(1) }) });
  await eventually(() => greedy.expect(200, used, "GET", "/api/v1/quota"));
  const quota = `/api/v1/platform/quotas/${greedy.accountId}`;
  const setQuota = (requests: number) =>
    operator.expect(200, z.unknown(), "PUT", quota, { requests, bytes: null, cuts_off: true });
  const isCutOff = async (host: string) => {
    const seen = await view(product.edge, host, "/again");
    expect([seen.status, seen.body]).toEqual([503, expect.stringContaining("over its quota")]);
  };

  await setQuota(1);
  await eventually(() => isCutOff("greedy.example.com"));
  const told = z.object({ status: z.literal("disabled"), is_cut_off: z.literal(true) });
  await greedy.expect(200, told, "GET", `/api/v1/distributions/${id}`);
  const wait = { prefer: "wait=20" };
  expect((await greedy.call("POST", `/api/v1/distributions/${id}/enable`, undefined, wait)).body).toMatchObject({
    is_cut_off: true,
  });
  const body = { domain: "another.example.com", origin: { url: origin.url } };
  expect((await greedy.call("POST", "/api/v1/distributions", body, wait)).status).toBe(201);
  for (const host of ["greedy.example.com", "another.example.com", "disabled.example.com"]) await isCutOff(host);

  await setQuota(1_000_000);
  for (const host of ["greedy.example.com", "another.example.com"]) await served(host);
  await eventually(async () => {
    const seen = await view(product.edge, "disabled.example.com", "/");
    expect([seen.status, seen.body.includes("over its quota")]).toEqual([503, false]);
  });
});
