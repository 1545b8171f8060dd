// RFC 9111 § 4.4: what viewers change is asked for anew. Whoever floods the edge with changes brings back nothing that was
// purged.
import { randomUUID } from "node:crypto";
import { Agent, request } from "undici";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { PurgeBody } from "../agents/contract.ts";
import { exampleCacheRule } from "../edge-templates/test-examples.ts";
import { startTestSites, type TestSite, type TestSites } from "./test-site.ts";

const FLOOD = 3000;

let sites: TestSites;

beforeAll(async () => {
  sites = await startTestSites();
});

afterAll(async () => {
  await sites?.stop();
});

beforeEach(() => answerChanges(200));

/** GETs can be kept; what changes something is answered so. */
function answerChanges(status: number, headers: Readonly<Record<string, string>> = {}): void {
  sites.origin.handle(({ method }, response) => {
    const isRead = method === "GET" || method === "HEAD";
    response.writeHead(isRead ? 200 : status, isRead ? { "cache-control": "max-age=600" } : headers).end(method);
  });
}

const cacheOf = async (site: TestSite, path: string) => (await site.ask(path)).headers["x-cache"];
const change = (site: TestSite, path: string, method = "POST") => site.ask(path, { curl: ["-X", method, "-d", "x"] });

async function serveStored(...paths: string[]): Promise<TestSite> {
  const site = await sites.serve();
  for (const path of paths) {
    await site.ask(path);
    expect(await cacheOf(site, path)).toBe("HIT");
  }
  return site;
}

test.each(["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"])(
  "a %s makes its own URL old, and no other",
  async (method) => {
    const site = await serveStored("/thing", "/thing?a=1", "/other");
    await change(site, "/thing", method);
    expect(await cacheOf(site, "/thing")).toBe("MISS");
    expect(await cacheOf(site, "/thing")).toBe("HIT");
    expect(await cacheOf(site, "/thing?a=1")).toBe("HIT");
    expect(await cacheOf(site, "/other")).toBe("HIT");
  },
);

test.each([400, 403, 404, 500, 503])("an answer of %i has changed nothing", async (status) => {
  const site = await serveStored("/thing");
  answerChanges(status);
  await change(site, "/thing");
  expect(await cacheOf(site, "/thing")).toBe("HIT");
});

test("a redirect has changed something", async () => {
  const site = await serveStored("/form", "/result");
  answerChanges(303, { location: "/result" });
  await change(site, "/form");
  expect([await cacheOf(site, "/form"), await cacheOf(site, "/result")]).toEqual(["MISS", "MISS"]);
});

test("OPTIONS changes nothing", async () => {
  const site = await serveStored("/thing");
  await site.ask("/thing", { curl: ["-X", "OPTIONS"] });
  expect(await cacheOf(site, "/thing")).toBe("HIT");
});

test.each(["location", "content-location"])("what %s names on the same host is old, too", async (name) => {
  const site = await serveStored("/made/1", "/made/2", "/made/3", "/made/4");
  const named = [`http://${site.host}/made/1`, "/made/2", "3"];
  for (const value of named) {
    answerChanges(201, { [name]: value });
    await change(site, "/made/");
  }
  answerChanges(201, { [name]: "http://elsewhere.test/made/4" });
  await change(site, "/made/");
  const caches = await Promise.all([1, 2, 3, 4].map((number) => cacheOf(site, `/made/${number}`)));
  expect(caches).toEqual(["MISS", "MISS", "MISS", "HIT"]);
});

test("parameters that the rule leaves out do not tell the changed URL apart", async () => {
  const site = await sites.serve({ cacheRules: [{ ...exampleCacheRule, query: { mode: "none", names: [] } }] });
  await site.ask("/search?q=1");
  expect(await cacheOf(site, "/search?q=2")).toBe("HIT");
  await change(site, "/search?q=3");
  expect(await cacheOf(site, "/search?q=1")).toBe("MISS");
});

test("what a viewer changes on one distribution is not changed on another", async () => {
  const [site, other] = [await serveStored("/thing"), await serveStored("/thing")];
  await change(site, "/thing");
  expect(await cacheOf(other, "/thing")).toBe("HIT");
});

test("a flood of changes brings nothing back that was purged, and the latest changes count", async () => {
  const site = await serveStored("/purged", "/changed");
  const body: PurgeBody = { format: 1, distribution: site.distribution.id, epoch: Date.now(), urls: ["/purged"] };
  await sites.edge.apply([sites.feed.putBody(randomUUID(), JSON.stringify(body), "purge")]);
  const dispatcher = new Agent({ connections: 20 });
  let next = 0;
  async function flood(): Promise<void> {
    while (next < FLOOD) {
      next += 1;
      const url = `http://127.0.0.1:${sites.edge.httpPort}/flood/${next}`;
      const reply = await request(url, { method: "POST", headers: { host: site.host }, body: "x", dispatcher });
      await reply.body.dump();
    }
  }
  await Promise.all(Array.from({ length: 20 }, flood));
  await dispatcher.close();
  await change(site, "/changed");
  expect([await cacheOf(site, "/purged"), await cacheOf(site, "/changed")]).toEqual(["MISS", "MISS"]);
});
