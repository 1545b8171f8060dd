// Several cache disks and a log of which a sample is kept: what an edge group's settings mean on a real nginx.
import { mkdir, mkdtemp, readdir, readFile, rm, watch } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AccessLogLine, accessLogLineSchema } from "../agents/contract.ts";
import { exampleCacheRule } from "../edge-templates/test-examples.ts";
import { startTestSites, type TestSites } from "./test-site.ts";

const ONE_IN = 10;
let folder: string;
let disks: readonly string[];
let sites: TestSites;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgewright-disks-"));
  disks = [join(folder, "a"), join(folder, "b")];
  for (const disk of disks) await mkdir(disk);
  const cache = { zone_mb: 4, disks: disks.map((path) => ({ path, max_gb: 1 })) };
  sites = await startTestSites({ cache, logs: { one_in: ONE_IN } });
});
afterAll(async () => {
  await sites?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The keys of what lies on a disk. */
async function keysOn(disk: string): Promise<readonly string[]> {
  const files = await readdir(disk, { recursive: true, withFileTypes: true });
  const texts = files
    .filter((file) => file.isFile())
    .map(async (file) => /^KEY: (.*)$/m.exec(await readFile(join(file.parentPath, file.name), "latin1"))?.[1] ?? "");
  return Promise.all(texts);
}

test("objects are spread over all disks, and each is found again on its own", async () => {
  const site = await sites.serve();
  let asked = 0;
  sites.origin.handle((request, response) => {
    asked += 1;
    response.setHeader("cache-control", "max-age=600").end(`of ${request.url}`);
  });
  const paths = Array.from({ length: 40 }, (_, index) => `/object-${index}?v=${index % 3}`);
  for (const path of paths) expect((await site.ask(path)).headers["x-cache"]).toBe("MISS");
  for (const path of paths) {
    const again = await site.ask(path);
    expect([again.headers["x-cache"], again.body]).toEqual(["HIT", `of ${path}`]);
  }
  expect(asked).toBe(paths.length);

  const [first = [], second = []] = await Promise.all(disks.map(keysOn));
  expect(first.length + second.length).toBe(paths.length);
  expect(Math.min(first.length, second.length)).toBeGreaterThan(paths.length / 5);
  expect(first.filter((key) => second.includes(key))).toEqual([]);

  await sites.edge.restart();
  await sites.edge.pin({ [`origin.test:${sites.origin.port}`]: ["127.0.0.1"] });
  await site.change({});
  for (const path of paths) expect((await site.ask(path)).headers["x-cache"]).toBe("HIT");
});

test("answers that vary and slices of large files are found again too", async () => {
  const large = Buffer.alloc(3 * 1024 * 1024, "x");
  sites.origin.handle((request, response) => {
    response.setHeader("cache-control", "max-age=600").setHeader("etag", '"one"');
    if (request.url === "/vary")
      return response.setHeader("vary", "accept-language").end(request.headers["accept-language"]);
    const [, from = 0, to = 0] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
    const end = Math.min(Number(to), large.length - 1);
    response.writeHead(206, { "content-range": `bytes ${from}-${end}/${large.length}` });
    return response.end(large.subarray(Number(from), end + 1));
  });
  const plain = await sites.serve();
  for (const language of ["de", "fr", "de", "fr"]) {
    expect((await plain.ask("/vary", { headers: [`Accept-Language: ${language}`] })).body).toBe(language);
  }
  const german = await plain.ask("/vary", { headers: ["Accept-Language: de"] });
  expect(german.headers["x-cache"]).toBe("HIT");

  const sliced = await sites.serve({ cacheRules: [{ ...exampleCacheRule, isSliced: true }] });
  for (const expected of ["MISS", "HIT"]) {
    const whole = await sliced.ask("/large.bin");
    expect([whole.headers["x-cache"], whole.body.length]).toEqual([expected, large.length]);
  }
});

/** Waits for a line about this path; whatever was asked before it is written by then. */
async function linesUpTo(path: string): Promise<readonly AccessLogLine[]> {
  const file = join(sites.edge.home, "logs", "access.log");
  const changes = watch(file, { signal: AbortSignal.timeout(10_000) })[Symbol.asyncIterator]();
  for (let change = changes.next(); ; change = changes.next()) {
    const texts = (await readFile(file, "utf8")).split("\n").filter(Boolean);
    const lines = texts.map((text) => accessLogLineSchema.parse(JSON.parse(text)));
    if (lines.some((line) => line.path === path)) return lines;
    await change;
  }
}

test("one request in ten is logged and counts for ten; errors are logged each, and count once", async () => {
  const site = await sites.serve();
  sites.origin.handle((request, response) => {
    response.statusCode = request.url?.startsWith("/broken") === true ? 404 : 200;
    response.setHeader("cache-control", "max-age=600").end("x");
  });
  const [requests, errors] = [600, 20];
  const connections = new Client(`http://127.0.0.1:${sites.edge.httpPort}`);
  for (let count = 0; count < requests + errors; count += 1) {
    const path = count < requests ? "/fine" : `/broken-${count}`;
    const signal = AbortSignal.timeout(5_000);
    await (await connections.request({ method: "GET", path, headers: { host: site.host }, signal })).body.dump();
  }
  await connections.close();
  await site.ask("/broken-last");
  const lines = (await linesUpTo("/broken-last")).filter(({ distribution }) => distribution === site.distribution.id);
  const sampled = lines.filter(({ status }) => status === 200);
  const failed = lines.filter(({ status }) => status === 404);
  expect(failed).toHaveLength(errors + 1);
  expect(new Set(failed.map(({ weight }) => weight))).toEqual(new Set([1]));
  expect(new Set(sampled.map(({ weight }) => weight))).toEqual(new Set([ONE_IN]));
  // 60 are expected; by chance, six standard deviations off is one run in a billion.
  expect(sampled.length).toBeGreaterThan(16);
  expect(sampled.length).toBeLessThan(104);
});
