// Text is compressed on its way to viewers, as the distribution and the viewer allow; copies are kept as the origin sent them.
import { brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib";
import { request } from "undici";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { testNginx } from "../platform/embedded/test-services.ts";
import { startTestSites, type TestSite, type TestSites } from "./test-site.ts";

let sites: TestSites;
/** Not every nginx has the module. */
const { capabilities } = await testNginx();
const brotli = (otherwise: string | undefined) => (capabilities.brotli ? "br" : otherwise);
const TEXT = "All work and no play makes Jack a dull boy.\n".repeat(100);

beforeAll(async () => {
  sites = await startTestSites();
});

afterAll(async () => {
  await sites?.stop();
});

beforeEach(() => {
  sites.origin.seen.length = 0;
  sites.origin.handle((request, response) => {
    const type = request.url.includes("picture") ? "image/png" : "text/css; charset=utf-8";
    response.setHeader("cache-control", "max-age=60").setHeader("content-type", type).setHeader("etag", '"a"');
    response.end(request.url.includes("short") ? "short" : TEXT);
  });
});

async function fetched(site: TestSite, path: string, headers: Record<string, string>, method: "GET" | "POST" = "GET") {
  const reply = await request(`http://127.0.0.1:${sites.edge.httpPort}${path}`, {
    method,
    headers: { host: site.host, ...headers },
  });
  const bytes = Buffer.from(await reply.body.arrayBuffer());
  const coding = reply.headers["content-encoding"];
  const text = coding === "gzip" ? gunzipSync(bytes) : coding === "br" ? brotliDecompressSync(bytes) : bytes;
  return { status: reply.statusCode, headers: reply.headers, coding, text: text.toString() };
}

test.each([
  ["gzip, deflate, br, zstd", brotli("gzip")],
  ["gzip, deflate", "gzip"],
  ["br;q=0, gzip", "gzip"],
  ["deflate", undefined],
])("who accepts %s gets %s, from one copy", async (accepted, coding) => {
  const site = await sites.serve();
  for (const cache of ["MISS", "HIT"]) {
    const answer = await fetched(site, "/a.css", { "accept-encoding": accepted });
    expect([answer.headers["x-cache"], answer.coding, answer.text]).toEqual([cache, coding, TEXT]);
    expect(String(answer.headers.vary)).toContain("Accept-Encoding");
  }
  const plain = await fetched(site, "/a.css", {});
  expect([plain.headers["x-cache"], plain.coding, plain.text]).toEqual(["HIT", undefined, TEXT]);
});

test.each([
  [{ gzip: false, brotli: false }, "gzip, br", undefined],
  [{ gzip: true, brotli: false }, "br, gzip", "gzip"],
  [{ gzip: true, brotli: false }, "br", undefined],
  [{ gzip: false, brotli: true }, "gzip, br", brotli(undefined)],
  [{ gzip: false, brotli: true }, "gzip", undefined],
])("a distribution with %j answers %s with %s", async (compression, accepted, coding) => {
  const site = await sites.serve({ compression });
  for (const method of ["GET", "POST"] as const) {
    const answer = await fetched(site, "/a.css", { "accept-encoding": accepted }, method);
    expect([answer.coding, answer.text]).toEqual([coding, TEXT]);
  }
});

test("what would not gain is sent as it is: pictures, and what is short", async () => {
  const site = await sites.serve();
  for (const path of ["/picture.png", "/short.css"]) {
    const answer = await fetched(site, path, { "accept-encoding": "gzip, br" });
    expect([answer.status, answer.coding]).toEqual([200, undefined]);
  }
});

test("what an origin has compressed passes as it is", async () => {
  const site = await sites.serve();
  sites.origin.handle((_, response) =>
    response
      .writeHead(200, { "content-encoding": "gzip", "content-type": "text/css", "cache-control": "max-age=60" })
      .end(gzipSync(TEXT)),
  );
  for (const cache of ["MISS", "HIT"]) {
    const answer = await fetched(site, "/a.css", { "accept-encoding": "br, gzip" });
    expect([answer.headers["x-cache"], answer.coding, answer.text]).toEqual([cache, "gzip", TEXT]);
  }
});

test("a part is of the bytes as they are, and a confirmation comes without any", async () => {
  const site = await sites.serve();
  const part = await fetched(site, "/a.css", { "accept-encoding": "gzip, br", range: "bytes=4-7" });
  expect([part.status, part.coding, part.text]).toEqual([206, undefined, TEXT.slice(4, 8)]);
  const whole = await fetched(site, "/a.css", { "accept-encoding": "gzip" });
  expect(whole.headers.etag).toBe('W/"a"');
  const confirmed = await fetched(site, "/a.css", { "accept-encoding": "gzip", "if-none-match": 'W/"a"' });
  expect([confirmed.status, confirmed.text]).toEqual([304, ""]);
});

test("an answer that is not kept is compressed too", async () => {
  const site = await sites.serve();
  sites.origin.handle((_, response) =>
    response.writeHead(200, { "cache-control": "no-store", "content-type": "application/json" }).end(TEXT),
  );
  expect(await fetched(site, "/api", { "accept-encoding": "gzip" })).toMatchObject({ coding: "gzip", text: TEXT });
});
