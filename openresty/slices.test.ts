// Large files are fetched and kept in slices: never whole for one seek, and never of two versions in one answer.
import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { request } from "undici";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { exampleCacheRule } from "../edge-templates/test-examples.ts";
import { oldestTestNginx } from "../platform/embedded/test-services.ts";
import type { SeenRequest } from "./test-origin.ts";
import { startTestSites, type TestSite, type TestSites } from "./test-site.ts";

const SLICE = 1024 * 1024;
const FILE = randomBytes(5 * SLICE + 1000);
const OTHER_FILE = randomBytes(FILE.length);

let sites: TestSites;

beforeAll(async () => {
  sites = await startTestSites();
});

afterAll(async () => {
  await sites?.stop();
});

beforeEach(() => {
  sites.origin.seen.length = 0;
  sites.origin.handle(serving(FILE, { etag: '"one"' }));
});

function serving(file: Buffer, validator: Readonly<Record<string, string>>) {
  return (asked: SeenRequest, response: ServerResponse) => {
    const headers = { "cache-control": "max-age=600", "accept-ranges": "bytes", ...validator };
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(asked.headers.range ?? "") ?? [];
    if (first === undefined) return response.writeHead(200, headers).end(file);
    const part = file.subarray(Number(first), Number(last) + 1);
    const range = `bytes ${first}-${Number(first) + part.length - 1}/${file.length}`;
    return response.writeHead(206, { ...headers, "content-range": range }).end(part);
  };
}

const sliced = () => sites.serve({ cacheRules: [{ ...exampleCacheRule, isSliced: true, ttlSeconds: 600 }] });
const ranges = () => sites.origin.seen.map(({ headers }) => headers.range);

async function fetched(site: TestSite, path: string, headers: Record<string, string> = {}) {
  const reply = await request(`http://127.0.0.1:${sites.edge.httpPort}${path}`, {
    headers: { host: site.host, ...headers },
  });
  const body = Buffer.from(await reply.body.arrayBuffer());
  return { status: reply.statusCode, headers: reply.headers, body };
}

test("a file comes whole from its slices, and from the cache the next time", async () => {
  const site = await sliced();
  for (const cache of ["MISS", "HIT"]) {
    const answer = await fetched(site, "/film.mp4", { "accept-encoding": "gzip, br" });
    expect([answer.status, answer.headers["x-cache"], answer.headers["content-length"]]).toEqual([
      200,
      cache,
      `${FILE.length}`,
    ]);
    expect(answer.body.equals(FILE)).toBe(true);
    expect(answer.headers).not.toHaveProperty("x-edge-stored");
  }
  expect(ranges()).toEqual(Array.from({ length: 6 }, (_, at) => `bytes=${at * SLICE}-${(at + 1) * SLICE - 1}`));
});

test("a seek fetches the slice that it is in, and no other", async () => {
  const site = await sliced();
  const from = 3 * SLICE + 5;
  for (const cache of ["MISS", "HIT"]) {
    const answer = await fetched(site, "/seek.mp4", { range: `bytes=${from}-${from + 9}` });
    expect([answer.status, answer.headers["x-cache"], answer.headers["content-range"]]).toEqual([
      206,
      cache,
      `bytes ${from}-${from + 9}/${FILE.length}`,
    ]);
    expect(answer.body.equals(FILE.subarray(from, from + 10))).toBe(true);
  }
  const across = await fetched(site, "/seek.mp4", { range: `bytes=${4 * SLICE - 1}-${4 * SLICE}` });
  expect(across.body.equals(FILE.subarray(4 * SLICE - 1, 4 * SLICE + 1))).toBe(true);
  expect(ranges()).toEqual([`bytes=${3 * SLICE}-${4 * SLICE - 1}`, `bytes=${4 * SLICE}-${5 * SLICE - 1}`]);
});

test("of five gigabytes a seek fetches one megabyte", async () => {
  const site = await sliced();
  const length = 5 * 1024 ** 3;
  sites.origin.handle(({ headers }, response) => {
    const [, first = "0", last = "0"] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
    const range = `bytes ${first}-${last}/${length}`;
    const part = Buffer.alloc(Number(last) - Number(first) + 1, "5");
    response.writeHead(206, { "cache-control": "max-age=600", etag: '"five"', "content-range": range }).end(part);
  });
  const from = 4 * 1024 ** 3 + 17;
  for (const cache of ["MISS", "HIT"]) {
    const answer = await fetched(site, "/five.mp4", { range: `bytes=${from}-${from + 4}` });
    expect([answer.status, answer.headers["x-cache"], answer.headers["content-range"], `${answer.body}`]).toEqual([
      206,
      cache,
      `bytes ${from}-${from + 4}/${length}`,
      "55555",
    ]);
  }
  expect(ranges()).toEqual([`bytes=${4 * 1024 ** 3}-${4 * 1024 ** 3 + SLICE - 1}`]);
});

test("a herd at one place asks for its slice once", async () => {
  const site = await sliced();
  const headers = { host: site.host, range: `bytes=${2 * SLICE}-${2 * SLICE + 9}` };
  const herd = Array.from({ length: 30 }, () => fetched(site, "/herd.mp4", headers));
  for (const { body } of await Promise.all(herd))
    expect(body.equals(FILE.subarray(2 * SLICE, 2 * SLICE + 10))).toBe(true);
  expect(ranges()).toHaveLength(1);
});

test("HEAD and questions are answered from the first slice", async () => {
  const site = await sliced();
  await fetched(site, "/asked.mp4", { range: "bytes=0-0" });
  const head = await site.ask("/asked.mp4", { curl: ["--head"] });
  expect([head.status, head.headers["content-length"], head.headers["x-cache"]]).toEqual([
    200,
    `${FILE.length}`,
    "HIT",
  ]);
  expect((await fetched(site, "/asked.mp4", { "if-none-match": '"one"' })).status).toBe(304);
  expect(ranges()).toHaveLength(1);
});

test.each([
  ["an ETag", { etag: '"one"' }, { etag: '"two"' }],
  [
    "a date alone",
    { "last-modified": "Mon, 01 Jan 2024 00:00:00 GMT" },
    { "last-modified": "Tue, 02 Jan 2024 00:00:00 GMT" },
  ],
])("a file that changes, known by %s, is never a mixture", async (_, before, after) => {
  const site = await sliced();
  sites.origin.handle(serving(FILE, before));
  await fetched(site, "/changed.mp4", { range: `bytes=0-${2 * SLICE - 1}` });
  sites.origin.handle(serving(OTHER_FILE, after));
  // Its beginning is kept, what follows is not: broken off, not mixed.
  await expect(fetched(site, "/changed.mp4")).rejects.toThrow();
  for (const cache of ["MISS", "HIT"]) {
    const answer = await fetched(site, "/changed.mp4");
    expect([answer.status, answer.headers["x-cache"], answer.body.equals(OTHER_FILE)]).toEqual([200, cache, true]);
  }
});

test("a file that changed before its first slice is asked for again comes whole at once", async () => {
  const site = await sliced();
  // Old when it comes: only to be asked about.
  const [before, after] = [{ etag: '"one"', age: "600" }, { etag: '"two"' }];
  sites.origin.handle(serving(FILE, before));
  await fetched(site, "/asked-again.mp4");
  sites.origin.handle(serving(OTHER_FILE, after));
  for (let turn = 1; turn <= 3; turn += 1) {
    const answer = await fetched(site, "/asked-again.mp4");
    expect([answer.status, answer.body.equals(OTHER_FILE)]).toEqual([200, true]);
  }
});

test("an origin that knows no ranges is no error", async () => {
  const site = await sliced();
  sites.origin.handle((_, response) =>
    response.writeHead(200, { "cache-control": "max-age=600", etag: '"a"' }).end(FILE),
  );
  for (let turn = 1; turn <= 2; turn += 1) expect((await fetched(site, "/whole.mp4")).body.equals(FILE)).toBe(true);
  expect(ranges()).toHaveLength(1);
  // It cannot be asked for a part, and the whole is not kept once more for each slice.
  for (let turn = 1; turn <= 2; turn += 1) {
    const part = await fetched(site, "/whole.mp4", { range: `bytes=${2 * SLICE}-${2 * SLICE + 4}` });
    expect([part.status, part.headers["x-cache"], part.body.equals(FILE)]).toEqual([200, "MISS", true]);
  }
});

test("an absent file is absent", async () => {
  const site = await sliced();
  sites.origin.handle((_, response) => response.writeHead(404).end("no such file"));
  expect(await fetched(site, "/absent.mp4")).toMatchObject({ status: 404 });
});

test("on the oldest nginx, an origin that gives hints is lost on one request for a slice, and no more", async () => {
  const old = await startTestSites({ nginx: await oldestTestNginx() });
  try {
    old.origin.handle((asked, response) => {
      response.writeEarlyHints({ link: "</a.css>; rel=preload" });
      serving(Buffer.from("the film"), { etag: '"one"' })(asked, response);
    });
    const site = await old.serve({ cacheRules: [{ ...exampleCacheRule, isSliced: true, ttlSeconds: 600 }] });
    await site.ask("/film.mp4");
    const answer = await site.ask("/film.mp4");
    expect([answer.status, answer.body]).toEqual([200, "the film"]);
  } finally {
    await old.stop();
  }
});
