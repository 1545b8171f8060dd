// What the access log says of bytes, waits and kinds, in every way that an answer can come; made into rows as the control
// plane does it.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AccessLogRow, createRows } from "../agents/contract.ts";
import { exampleCacheRule } from "../edge-templates/test-examples.ts";
import type { Handler } from "./test-origin.ts";
import { edgeAt, startTestShield, type TestShield } from "./test-shield.ts";
import { startTestSites, type TestSites } from "./test-site.ts";

const BODY = Buffer.alloc(100_000, "x");
/** Header lines of an answer, the edge's own words between its hops included. */
const HEADER_BYTES_MAX = 1_500;
const SLICE = 1024 * 1024;
const ORIGIN_MS = 200;

let sites: TestSites;
/** By path: the tests run side by side, for nginx writes its lines once a second. */
const answers = new Map<string, Handler>();
const makeRows = createRows({ saltOf: () => Buffer.alloc(32), findPlace: () => ({ country: "", asn: 0 }) });

beforeAll(async () => {
  sites = await startTestSites({ logs: { query: true } });
  sites.origin.handle((asked, response) => answers.get(asked.url.split("?")[0] ?? "")?.(asked, response));
});
afterAll(() => sites?.stop());

const LOOK_EVERY_MS = 100;

/** Tests that run side by side have no expect.poll. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const signal = AbortSignal.timeout(10_000);
  while (!(await isSo())) await wait(LOOK_EVERY_MS, undefined, { signal });
}

/** The rows of this path, as soon as the log of an edge has `count` of them: nginx writes once a second. */
async function rowsOf(path: string, count: number, home = sites.edge.home): Promise<readonly AccessLogRow[]> {
  let found: readonly AccessLogRow[] = [];
  await until(async () => {
    const body = await readFile(join(home, "logs", "access.log"));
    found = [];
    for await (const { rows, faulty } of makeRows(body, { id: "", edgeId: "", receivedAt: new Date() })) {
      if (faulty.first !== undefined) throw new Error(faulty.first);
      found = [...found, ...rows.filter((row) => row.path === path)];
    }
    return found.length >= count;
  });
  return found;
}

const sending =
  (body: Buffer, headers: Readonly<Record<string, string>>): Handler =>
  (_, response) =>
    response.writeHead(200, { "content-length": `${body.length}`, ...headers }).end(body);

const later =
  (handler: Handler): Handler =>
  (request, response) => {
    setTimeout(() => handler(request, response), ORIGIN_MS);
  };

function expectBytes(row: AccessLogRow | undefined, bytes: number): void {
  expect(row?.origin_bytes).toBeGreaterThanOrEqual(bytes);
  expect(row?.origin_bytes).toBeLessThan(bytes + HEADER_BYTES_MAX);
}

test.concurrent("a miss has the origin's bytes and wait, a hit has none", async () => {
  const site = await sites.serve();
  answers.set("/photo", later(sending(BODY, { "cache-control": "max-age=60", "content-type": "image/webp" })));
  for (const cache of ["MISS", "HIT"]) expect((await site.ask("/photo")).headers["x-cache"]).toBe(cache);
  const [miss, hit] = await rowsOf("/photo", 2);
  expectBytes(miss, BODY.length);
  expect(miss).toMatchObject({ cache_status: "MISS", content_kind: "image" });
  expect(miss?.origin_ms).toBeGreaterThanOrEqual(ORIGIN_MS - 10);
  expect(miss?.ttfb_ms).toBeGreaterThanOrEqual(ORIGIN_MS - 10);
  expect(hit).toMatchObject({
    cache_status: "HIT",
    origin_bytes: 0,
    origin_ms: null,
    ttfb_ms: 0,
    content_kind: "image",
  });
  expect(hit?.bytes_out).toBeGreaterThan(BODY.length);
});

test.concurrent("who waited for the answer to somebody else tells the wait, and asked no origin", async () => {
  const site = await sites.serve();
  answers.set("/together", later(sending(BODY, { "cache-control": "max-age=60" })));
  await Promise.all([site.ask("/together"), site.ask("/together")]);
  const rows = await rowsOf("/together", 2);
  const waited = rows.find((row) => row.cache_status === "HIT");
  expect(waited).toMatchObject({ origin_bytes: 0, origin_ms: null });
  expect(waited?.ttfb_ms).toBeGreaterThanOrEqual(ORIGIN_MS / 2);
  expectBytes(
    rows.find((row) => row.cache_status === "MISS"),
    BODY.length,
  );
});

test.concurrent("a slow answer is waited for until its header, and lasts until its end", async () => {
  const site = await sites.serve();
  answers.set("/slowly", (_, response) => {
    response.writeHead(200, { "cache-control": "no-store" });
    response.write("begun");
    setTimeout(() => response.end("done"), ORIGIN_MS);
  });
  await site.ask("/slowly");
  const [row] = await rowsOf("/slowly", 1);
  expect(row?.duration_ms).toBeGreaterThanOrEqual(ORIGIN_MS - 10);
  expect(row?.ttfb_ms).toBeLessThan(row?.duration_ms ?? 0);
});

test.concurrent("a body is the viewer's bytes in and the origin's answer comes through", async () => {
  const site = await sites.serve();
  answers.set("/v1/things", sending(BODY, { "content-type": "application/json" }));
  await site.ask("/v1/things", { curl: ["--data-raw", "y".repeat(5_000)] });
  const [row] = await rowsOf("/v1/things", 1);
  expectBytes(row, BODY.length);
  expect(row).toMatchObject({ cache_status: "BYPASS", content_kind: "api", method: "POST" });
  expect(row?.bytes_in).toBeGreaterThan(5_000);
  expect(row?.origin_ms).toEqual(expect.any(Number));
});

test.concurrent("a stale answer that the origin confirms costs the origin its header lines", async () => {
  const site = await sites.serve();
  answers.set(
    "/confirmed.css",
    sending(BODY, { "cache-control": "max-age=60, must-revalidate", age: "60", etag: '"one"' }),
  );
  await site.ask("/confirmed.css");
  answers.set("/confirmed.css", (_, response) => response.writeHead(304, { "cache-control": "max-age=60" }).end());
  await until(async () => (await site.ask("/confirmed.css")).headers["x-cache"] === "REVALIDATED");
  const row = (await rowsOf("/confirmed.css", 2)).find(({ cache_status: status }) => status === "REVALIDATED");
  expectBytes(row, 0);
  expect(row).toMatchObject({ origin_ms: expect.any(Number), content_kind: "style" });
});

test.concurrent.each([
  ["of a known length", sending(BODY, { "cache-control": "max-age=60" })],
  ["of an unknown one", ((_, response) => response.setHeader("cache-control", "max-age=60").end(BODY)) as Handler],
])("what renews a stale answer %s is counted with the request that was served meanwhile", async (what, renewing) => {
  const site = await sites.serve();
  const path = `/renewed/${what.replaceAll(" ", "-")}`;
  answers.set(path, sending(BODY, { "cache-control": "max-age=60, stale-while-revalidate=60", age: "60" }));
  await site.ask(path);
  answers.set(path, renewing);
  await until(async () => (await site.ask(path)).headers["x-cache"] === "STALE");
  const row = (await rowsOf(path, 2)).find(({ cache_status: status }) => status === "STALE");
  expectBytes(row, BODY.length);
  expect(row).toMatchObject({ origin_ms: null });
});

test.concurrent("slices count as far as they were fetched", async () => {
  const file = Buffer.alloc(3 * SLICE + 1000, "z");
  const site = await sites.serve({ cacheRules: [{ ...exampleCacheRule, isSliced: true, ttlSeconds: 600 }] });
  answers.set("/film.mp4", (asked, response) => {
    const [, first = "0", last = "0"] = /^bytes=(\d+)-(\d+)$/.exec(asked.headers.range ?? "") ?? [];
    const part = file.subarray(Number(first), Number(last) + 1);
    const range = `bytes ${first}-${Number(first) + part.length - 1}/${file.length}`;
    const headers = { "content-range": range, etag: '"one"', "content-type": "video/mp4" };
    response.writeHead(206, { ...headers, "content-length": `${part.length}` }).end(part);
  });
  await site.ask("/film.mp4", { headers: [`Range: bytes=0-${SLICE - 1}`] });
  await site.ask("/film.mp4");
  await site.ask("/film.mp4");
  const [first, rest, whole] = await rowsOf("/film.mp4", 3);
  expectBytes(first, SLICE);
  expectBytes(rest, 2 * SLICE + 1000);
  expect(whole).toMatchObject({ origin_bytes: 0, content_kind: "video", cache_status: "HIT" });
});

test.concurrent("an answer of the edge itself came from no origin; one in an origin's stead was waited for", async () => {
  const [origin] = (await sites.serve()).distribution.origins;
  if (origin === undefined) throw new Error("the distribution has no origin");
  const site = await sites.serve({ origins: [{ ...origin, readTimeoutSeconds: 1 }] });
  answers.set("/silent", () => {});
  expect((await site.ask("/silent")).status).toBe(504);
  const [silent] = await rowsOf("/silent", 1);
  expect(silent?.ttfb_ms).toBeGreaterThan(900);
  await site.change({ isDisabled: true });
  expect((await site.ask("/disabled")).status).toBe(503);
  const [disabled] = await rowsOf("/disabled", 1);
  expect(disabled).toMatchObject({ cache_status: "NONE", origin_bytes: 0, origin_ms: null });
  expect(disabled?.ttfb_ms).toBeLessThan(900);
});

test.concurrent("the query is in the line where the edge group's settings want it", async () => {
  const site = await sites.serve();
  answers.set("/searched", sending(BODY, {}));
  await site.ask('/searched?q=a"b&page=2');
  expect(await rowsOf("/searched", 1)).toMatchObject([{ query: 'q=a"b&page=2', path: "/searched" }]);
});

test.concurrent.each([
  ["/index.html", "text/html; charset=utf-8", "page"],
  ["/live/index.m3u8", "application/vnd.apple.mpegurl", "manifest"],
  ["/live/42.ts", "video/mp2t", "segment"],
  ["/dash/stream.mpd", "application/dash+xml", "manifest"],
  ["/dash/chunk-7.m4s", "video/iso.segment", "segment"],
])("%s is told from its type, and from its name where a 304 has none", async (path, type, kind) => {
  const site = await sites.serve();
  answers.set(path, sending(Buffer.from("x"), { "content-type": type, "cache-control": "max-age=60", etag: '"e"' }));
  await site.ask(path);
  await site.ask(path, { headers: ['If-None-Match: "e"'] });
  const rows = await rowsOf(path, 2);
  expect(rows.map((row) => [row.status, row.content_kind])).toEqual([
    [200, kind],
    [304, kind],
  ]);
});

let shield: TestShield | undefined;
afterAll(() => shield?.stop());

test.concurrent("what an edge of the parent group had was asked of no origin; what it fetched was", async () => {
  shield = await startTestShield({ children: 2 });
  shield.origin.handle(sending(BODY, { "cache-control": "max-age=60" }));
  const site = await shield.serve();
  const [first, second] = [edgeAt(shield.children, 0), edgeAt(shield.children, 1)];
  for (const child of [first, second]) expect((await site.ask(child, "/shared")).headers["x-cache"]).toBe("MISS");
  expect(shield.origin.seen).toHaveLength(1);
  const [fetched] = await rowsOf("/shared", 1, first.edge.home);
  expectBytes(fetched, BODY.length);
  expect(fetched?.origin_ms).toEqual(expect.any(Number));
  expect(await rowsOf("/shared", 1, second.edge.home)).toMatchObject([
    { cache_status: "MISS", origin_bytes: 0, origin_ms: null },
  ]);
});
