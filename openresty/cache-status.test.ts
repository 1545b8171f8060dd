// What a viewer is told of the cache: Cache-Status (RFC 9211), X-Cache and Age, in every state that an answer can be in; and
// what is served while the origin is down, however it is down.
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Herd, openHerd } from "./test-herd.ts";
import type { Handler } from "./test-origin.ts";
import { answering, startTestSites, type TestSite, type TestSites } from "./test-site.ts";

let sites: TestSites;
let site: TestSite;
let herd: Herd;
/** Whose origin ends once it is asked. */
let lost: TestSites;
let lostSite: TestSite;
let aged: Promise<void>;

/** Answers that are stale a second later. */
const SHORT = { age: "59", etag: '"one"' };
const STALE_AFTER_MS = 2_100;
const STRICT = ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=60"];
/** Path → Cache-Control of what is kept before all tests, and stale when `aged` resolves. */
const KEPT = new Map([
  ["/confirmed", "max-age=60, must-revalidate"],
  ["/replaced", "max-age=60, must-revalidate"],
  ["/renewed", "max-age=60, stale-while-revalidate=60"],
  ...STRICT.map((word) => [`/strict/${word}`, `max-age=60, ${word}`] as const),
]);

beforeAll(async () => {
  [sites, lost] = await Promise.all([startTestSites(), startTestSites()]);
  [site, lostSite] = await Promise.all([sites.serve(), lost.serve()]);
  herd = openHerd(sites);
  sites.origin.handle((request, response) =>
    answering({ "cache-control": KEPT.get(request.url) ?? "", ...SHORT })(request, response),
  );
  lost.origin.handle(answering({ "cache-control": "max-age=60", ...SHORT }));
  await Promise.all([...[...KEPT.keys()].map((path) => site.ask(path)), lostSite.ask("/kept")]);
  aged = wait(STALE_AFTER_MS);
});

afterAll(async () => {
  await herd?.end();
  await sites?.stop();
  await lost?.edge.stop();
});

beforeEach(() => {
  sites.origin.seen.length = 0;
});

async function told(path: string, headers: readonly string[] = []) {
  const answer = await site.ask(path, { headers });
  return [answer.status, answer.headers["x-cache"], answer.headers["cache-status"]];
}

test("a miss tells that it is kept and for how long, a hit how long that still is", async () => {
  sites.origin.handle(answering({ "cache-control": "max-age=60" }));
  const [missStatus, miss, missWords] = await told("/kept");
  expect([missStatus, miss]).toEqual([200, "MISS"]);
  expect(missWords).toMatch(/^edgewright; fwd=miss; stored; ttl=(59|60)$/);
  const [status, cache, words] = await told("/kept");
  expect([status, cache]).toEqual([200, "HIT"]);
  expect(words).toMatch(/^edgewright; hit; ttl=(59|60)$/);
});

test("what is not kept is a miss each time", async () => {
  sites.origin.handle(answering({ "cache-control": "no-store" }));
  for (let turn = 1; turn <= 2; turn += 1) expect(await told("/own")).toEqual([200, "MISS", "edgewright; fwd=miss"]);
});

test("who waited for the answer to somebody else is told so", async () => {
  sites.origin.handle((request, response) => {
    setTimeout(() => answering({ "cache-control": "max-age=60" })(request, response), 100);
  });
  const words = (await herd.all(site, "/herd", 3)).map(({ headers }) => headers["cache-status"]);
  expect(words.filter((one) => /^edgewright; fwd=miss; stored; ttl=\d+$/.test(String(one)))).toHaveLength(1);
  expect(words.filter((one) => /^edgewright; fwd=miss; collapsed; ttl=\d+$/.test(String(one)))).toHaveLength(2);
});

test("a stale answer that the origin confirms is a 304 of it", async () => {
  await aged;
  sites.origin.handle((_, response) => response.writeHead(304, { "cache-control": "max-age=60" }).end());
  const [status, cache, words] = await told("/confirmed");
  expect([status, cache]).toEqual([200, "REVALIDATED"]);
  expect(words).toMatch(/^edgewright; fwd=stale; fwd-status=304; ttl=\d+$/);
});

test("a stale answer that the origin replaces is told with the new one's time", async () => {
  await aged;
  sites.origin.handle(answering({ "cache-control": "max-age=60" }));
  const [status, cache, words] = await told("/replaced");
  expect([status, cache]).toEqual([200, "EXPIRED"]);
  expect(words).toMatch(/^edgewright; fwd=stale; stored; ttl=(59|60)$/);
});

test("a stale answer that is served while it is renewed is a hit, with the time since it was fresh", async () => {
  await aged;
  sites.origin.handle(answering({ "cache-control": "max-age=60" }));
  const [status, cache, words] = await told("/renewed");
  expect([status, cache]).toEqual([200, "STALE"]);
  expect(words).toMatch(/^edgewright; hit; ttl=-\d+; detail=stale-while-revalidate$/);
});

const DOWN: Readonly<Record<string, Handler>> = {
  "ends-connections": (_, response) => response.destroy(),
  "tears-heads": (_, response) => response.socket?.end("HTTP/1.1 200 OK\r\nX-Never"),
  "fails-by-500": (_, response) => response.writeHead(500).end("sorry"),
  "fails-by-502": (_, response) => response.writeHead(502).end("sorry"),
  "fails-by-503": (_, response) => response.writeHead(503).end("sorry"),
  "fails-by-504": (_, response) => response.writeHead(504).end("sorry"),
  "is-silent": () => {},
};

test("however an origin is down, what is kept is served stale for as long as is permitted, and then no more", async () => {
  const [origin] = site.distribution.origins;
  if (origin === undefined) throw new Error("the distribution has no origin");
  const short = await sites.serve({ origins: [{ ...origin, readTimeoutSeconds: 1 }] });
  const ways = Object.keys(DOWN);
  const askAll = () => Promise.all(ways.map((way) => short.ask(`/${way}`)));
  sites.origin.handle(answering({ "cache-control": "max-age=60, stale-if-error=4", ...SHORT }));
  await askAll();
  await wait(STALE_AFTER_MS);
  sites.origin.handle((request, response) => DOWN[request.url.slice(1)]?.(request, response));
  const stale = (await askAll()).map(({ status, headers, body }) => ({ status, cache: headers["x-cache"], body }));
  expect(stale).toEqual(ways.map((way) => ({ status: 200, cache: "STALE", body: `GET /${way}` })));
  const words = (await short.ask("/fails-by-500")).headers["cache-status"];
  expect(words).toMatch(/^edgewright; fwd=stale; ttl=-\d; detail=origin-failed$/);
  await wait(4000);
  const over = (await askAll()).map(({ status }) => status);
  expect(over.filter((status) => status !== 502 && status !== 504)).toEqual([]);
});

test("an origin that nobody can reach is down, too", async () => {
  await aged;
  await lost.origin.stop();
  const stale = await lostSite.ask("/kept");
  expect([stale.status, stale.headers["x-cache"], stale.body]).toEqual([200, "STALE", "GET /kept"]);
  expect((await lostSite.ask("/never-kept")).status).toBe(502);
});

test("where the origin forbids stale answers none is served, whatever the origin does", async () => {
  await aged;
  sites.origin.handle((_, response) => response.destroy());
  const answers = await Promise.all(STRICT.map((word) => site.ask(`/strict/${word}`)));
  expect(answers.map(({ status }) => status)).toEqual(STRICT.map(() => 502));
});

test("only-if-cached is answered from the cache or with 504, and asks nobody", async () => {
  sites.origin.handle(answering({ "cache-control": "max-age=60" }));
  const wish = ["Cache-Control: only-if-cached"];
  expect((await site.ask("/only", { headers: wish })).status).toBe(504);
  expect(sites.origin.seen).toEqual([]);
  await site.ask("/only");
  expect((await site.ask("/only", { headers: wish })).headers["x-cache"]).toBe("HIT");
});
