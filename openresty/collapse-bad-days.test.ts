// Nobody is held by a request of somebody else that comes to nothing: leaders whose viewer leaves or is slow, whose origin
// hangs or fails, and whose worker dies.
import { readdir, readFile, readlink } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { request } from "undici";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Herd, type HerdAnswer, openHerd } from "./test-herd.ts";
import type { SeenRequest } from "./test-origin.ts";
import { startTestSites, type TestSite, type TestSites } from "./test-site.ts";

const COUNT = 50;
/** WAIT_SECONDS of openresty/lua/collapse.lua, and a second for a busy machine. */
const HELD_AT_MOST_MS = 6_000;
const MINUTE = { "cache-control": "max-age=60" };

let sites: TestSites;
let site: TestSite;
let herd: Herd;

beforeAll(async () => {
  sites = await startTestSites({ workers: 2 });
  site = await sites.serve();
  herd = openHerd(sites);
});

afterAll(async () => {
  await herd?.end();
  await sites?.stop();
});

beforeEach(() => {
  sites.origin.seen.length = 0;
});

const asked = () => sites.origin.seen.length;

/** The origin keeps the first request (for this path) until it is told what to do with it, and answers others as it is told. */
function holdingTheFirst(
  others: (asked: SeenRequest, response: ServerResponse) => void,
  path?: string,
): () => ServerResponse {
  let held: ServerResponse | undefined;
  sites.origin.handle((request, response) => {
    if (held === undefined && (path === undefined || request.url === path)) held = response;
    else others(request, response);
  });
  return () => {
    if (held === undefined) throw new Error("the origin was not asked");
    return held;
  };
}

const answers = (body: string) => (_asked: SeenRequest, response: ServerResponse) =>
  response.writeHead(200, MINUTE).end(body);

test("a leader whose viewer leaves fetches on for those who wait", async () => {
  const first = holdingTheFirst(answers("another"));
  const leaving = new AbortController();
  const left = herd.get(site, "/left", { signal: leaving.signal }).catch(() => "left");
  await expect.poll(asked).toBe(1);
  const waiting = herd.all(site, "/left", COUNT);
  leaving.abort();
  expect(await left).toBe("left");
  first().writeHead(200, MINUTE).end("the first");
  expect(new Set((await waiting).map(({ body }) => body))).toEqual(new Set(["the first"]));
  expect(asked()).toBe(1);
});

test("a leader whose viewer reads slowly holds nobody up", async () => {
  const body = "x".repeat(8 * 1024 * 1024);
  const first = holdingTheFirst(answers("another"));
  const slow = request(`http://127.0.0.1:${sites.edge.httpPort}/slow`, { headers: { host: site.host } });
  await expect.poll(asked).toBe(1);
  const waiting = herd.all(site, "/slow", 5);
  first().writeHead(200, MINUTE).end(body);
  for (const answer of await waiting) expect(answer.body.length).toBe(body.length);
  expect(asked()).toBe(1);
  (await slow).body.on("error", () => {}).destroy();
});

test("an origin that hangs holds those who wait once, all for the same time, and newcomers not at all", async () => {
  const first = holdingTheFirst(answers("another"));
  const held = herd.get(site, "/hangs");
  await expect.poll(asked).toBe(1);
  for (const { ms, body } of await herd.all(site, "/hangs", COUNT)) {
    expect(body).toBe("another");
    expect(ms).toBeLessThan(HELD_AT_MOST_MS);
  }
  expect((await herd.get(site, "/hangs?new")).body).toBe("another");
  first().end("late");
  expect((await held).status).toBe(200);
}, 30_000);

test.each([
  ["an error", (response: ServerResponse) => response.writeHead(500).end("sorry")],
  ["a connection that ends", (response: ServerResponse) => response.destroy()],
])("%s for the leader lets the others ask at once", async (_, fail) => {
  const first = holdingTheFirst(answers("well again"));
  const path = `/fails-${fail.length}-${_.length}`;
  const failed = herd.get(site, path);
  await expect.poll(asked).toBe(1);
  const waiting = herd.all(site, path, COUNT);
  fail(first());
  for (const { ms, body } of await waiting) {
    expect(body).toBe("well again");
    expect(ms).toBeLessThan(HELD_AT_MOST_MS / 2);
  }
  await failed;
});

test("a torn answer is not what the others get", async () => {
  const first = holdingTheFirst(answers("whole"));
  const torn = herd.get(site, "/torn").catch(() => "torn");
  await expect.poll(asked).toBe(1);
  const waiting = herd.all(site, "/torn", COUNT);
  const response = first();
  response.writeHead(200, { ...MINUTE, "content-length": "1000" });
  response.write("begun", () => response.destroy());
  expect(new Set((await waiting).map(({ body }) => body))).toEqual(new Set(["whole"]));
  expect(await torn).toBe("torn");
});

test("a worker that dies in mid-flight holds those in the other one for a moment", async () => {
  // Which worker a viewer's request is in is up to the kernel: once more, should nobody have been in the other one.
  for (let attempt = 1; ; attempt += 1) {
    const served = await killLeader(`/dies-${attempt}`);
    if (served.length === 0 && attempt < 5) continue;
    expect(new Set(served.map(({ body }) => body))).toEqual(new Set(["another"]));
    for (const { ms } of served) expect(ms).toBeLessThan(HELD_AT_MOST_MS / 2);
    return;
  }
});

/** The answers to those who lost nothing with the leader's worker, neither their connection nor one between the hops. */
async function killLeader(path: string): Promise<HerdAnswer[]> {
  // Of the attempt before, some requests may still be on their way to the origin.
  const first = holdingTheFirst(answers("another"), path);
  const lost = herd.get(site, path).catch(() => undefined);
  await expect.poll(() => sites.origin.seen.some(({ url }) => url === path)).toBe(true);
  const waiting = Array.from({ length: COUNT }, () => herd.get(site, path).catch(() => undefined));
  // They wait by then: whoever asks afterwards finds them so.
  await expect.poll(async () => (await herd.get(site, `${path}/elsewhere`)).status).toBe(200);
  process.kill(await workerOf(first()), "SIGKILL");
  await lost;
  return (await Promise.all(waiting)).flatMap((answer) => (answer?.status === 200 ? [answer] : []));
}

/** The worker that holds the other end of an origin's connection. */
async function workerOf(response: ServerResponse): Promise<number> {
  const port = (response.socket?.remotePort ?? 0).toString(16).toUpperCase().padStart(4, "0");
  const table = await readFile("/proc/net/tcp", "utf8");
  const inode = table
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find((fields) => fields[1]?.endsWith(`:${port}`) && fields[9] !== "0")?.[9];
  for (const pid of await sites.edge.workers()) {
    for (const fd of await readdir(`/proc/${pid}/fd`)) {
      if ((await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")) === `socket:[${inode}]`) return pid;
    }
  }
  throw new Error("no worker holds the connection");
}
