// Purges through the whole product: from the customer's call to the next viewer's answer, and what each edge tells of it.
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { apiAt, createDistribution, eventually, register } from "./api.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { PROGRAM, type Product, productEnvironment, startProduct, temporaryFolder } from "./product.ts";
import { view } from "./viewer.ts";

const run = promisify(execFile);

const purgeSchema = z.looseObject({
  id: z.uuid(),
  status: z.string(),
  edges: z.array(z.looseObject({ edge: z.string(), state: z.string() })),
});

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let product: Product;
let origin: Origin;
let customer: Awaited<ReturnType<typeof register>>;
let id: string;
let host: string;

beforeAll(async () => {
  folder = await temporaryFolder("purge");
  origin = await startOrigin();
  product = await startProduct(await productEnvironment(folder.path));
  customer = await register(apiAt(product.apiUrl));
});

afterAll(async () => {
  await product?.stop();
  await origin?.stop();
  await folder?.remove();
});

let version = 0;

beforeEach(async () => {
  host = `${randomUUID().slice(0, 8)}.example.com`;
  publish();
  ({ id } = await createDistribution(customer, host, origin.url));
  await eventually(async () => expect((await view(product.edge, host, "/first-look")).status).toBe(200));
});

/** The origin says something else from now on. */
function publish(): string {
  version += 1;
  const body = `version ${version}`;
  const headers = { "cache-control": "max-age=3600", "surrogate-key": "news front-page" };
  origin.answer((path) => ({ headers: path === "/other" ? { "cache-control": "max-age=3600" } : headers, body }));
  return body;
}

async function seen(path: string): Promise<string> {
  const { body, headers } = await view(product.edge, host, path);
  return `${headers.get("x-cache")} ${body}`;
}

async function keep(path: string): Promise<string> {
  await seen(path);
  const kept = await seen(path);
  expect(kept).toMatch(/^HIT /);
  return kept.replace("HIT ", "");
}

/** Answered when every edge has it. */
async function purge(body: unknown) {
  const answer = await customer.call("POST", `/api/v1/distributions/${id}/purges`, body, { prefer: "wait=20" });
  expect(answer.status, JSON.stringify(answer.body)).toBe(202);
  return purgeSchema.parse(answer.body);
}

describe("what is purged is fetched anew, and nothing else", () => {
  test.each([
    { by: "URL", body: () => ({ urls: [`http://${host}/news/a?x=1`] }), gone: "/news/a?x=1", stays: "/news/b" },
    { by: "URL without a query", body: () => ({ urls: ["/news/a"] }), gone: "/news/a?x=1", stays: "/news/b" },
    { by: "prefix", body: () => ({ prefixes: ["/news/"] }), gone: "/news/a", stays: "/newspaper" },
    { by: "tag", body: () => ({ tags: ["front-page"] }), gone: "/news/a", stays: "/other" },
  ])("by $by", async ({ body, gone, stays }) => {
    const old = await keep(gone);
    expect(await keep(stays)).toBe(old);
    const fresh = publish();
    expect(await seen(gone)).toBe(`HIT ${old}`);
    expect(await purge(body())).toMatchObject({ status: "done", edges: [{ edge: "local", state: "done" }] });
    expect(await seen(gone)).toBe(`MISS ${fresh}`);
    expect(await seen(gone)).toBe(`HIT ${fresh}`);
    expect(await seen(stays)).toBe(`HIT ${old}`);
  });

  test("all of one distribution, and nothing of the others", async () => {
    const [mine, mineHost] = [id, host];
    const old = await keep("/a");
    host = `${randomUUID().slice(0, 8)}.example.com`;
    await createDistribution(customer, host, origin.url);
    await eventually(async () => expect((await view(product.edge, host, "/first-look")).status).toBe(200));
    await keep("/a");
    const fresh = publish();
    id = mine;
    await purge({ all: true });
    expect(await seen("/a")).toBe(`HIT ${old}`);
    host = mineHost;
    expect(await seen("/a")).toBe(`MISS ${fresh}`);
  });
});

test("the list tells of every purge, and each one of every edge", async () => {
  const first = await purge({ tags: ["a"] });
  const second = await purge({ all: true });
  const page = z.object({ data: z.array(z.looseObject({ id: z.uuid(), status: z.string() })) });
  const { data } = await customer.expect(200, page, "GET", `/api/v1/distributions/${id}/purges`);
  expect(data).toMatchObject([
    { id: second.id, type: "all", status: "done" },
    { id: first.id, type: "tags", status: "done" },
  ]);
  const path = `/api/v1/distributions/${id}/purges/${first.id}`;
  expect(await customer.expect(200, purgeSchema, "GET", path)).toMatchObject({
    items: ["a"],
    providers: [{ name: "gotipath", status: "done" }],
    edges: [{ edge: "local", state: "done", since: expect.any(String) }],
  });
});

test("what is prefetched is a HIT for the first viewer", async () => {
  const answer = await customer.call("POST", `/api/v1/distributions/${id}/prefetches`, { urls: ["/film?part=1"] });
  expect(answer).toMatchObject({ status: 202, body: { urls: [`http://${host}/film?part=1`] } });
  await eventually(async () => expect(origin.requests.map(({ url }) => url)).toContain("/film?part=1"));
  await eventually(async () => expect(await seen("/film?part=1")).toMatch(/^HIT /));
  expect(origin.requests.filter(({ url }) => url === "/film?part=1")).toHaveLength(1);
});

test("the command does the same, waits for the edges, and says by its exit code how it ended", async () => {
  const old = await keep("/a");
  const fresh = publish();
  const env = { ...product.env, EDGEWRIGHT_URL: product.apiUrl, EDGEWRIGHT_TOKEN: customer.token };
  const edgewright = (...args: string[]) => run(process.execPath, [PROGRAM, ...args], { env });
  await expect(edgewright("purge", host)).rejects.toMatchObject({ code: 2 });
  await expect(edgewright("purge", "nobody.example.com", "--all")).rejects.toMatchObject({ code: 1 });
  expect(await seen("/a")).toBe(`HIT ${old}`);
  const { stdout } = await edgewright("purge", host, "--url", "/a", "--url", "/b", "--wait", "--json");
  expect(purgeSchema.parse(JSON.parse(stdout))).toMatchObject({ status: "done", items: ["/a", "/b"] });
  expect(await seen("/a")).toBe(`MISS ${fresh}`);
});
