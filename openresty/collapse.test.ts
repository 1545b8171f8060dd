// Equal misses make one request to the origin, on the newest nginx and on the oldest, with two workers each.
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Herd, openHerd } from "./test-herd.ts";
import { NGINXES } from "./test-nginxes.ts";
import { startTestSites, type TestSite, type TestSites } from "./test-site.ts";

const ORIGIN_MS = 100;
const COUNT = 100;
/** Less than anybody waits for anybody. */
const GATHERED_WITHIN_MS = 3_000;
/** Kept before all tests, with a second or two left, which are over when `aged` resolves. */
const RUNNING_OUT = {
  "/minded": { "cache-control": "max-age=60, must-revalidate", age: "59", etag: '"one"' },
  "/stale": { "cache-control": "max-age=60, stale-while-revalidate=60", age: "59" },
  "/renewed": { "cache-control": "max-age=60, must-revalidate", age: "58", etag: '"one"' },
} as const;
const RUN_OUT_MS = 3_100;

describe.each(NGINXES)("%s", (_, nginx) => {
  let sites: TestSites;
  let site: TestSite;
  let herd: Herd;
  let aged: Promise<void>;

  beforeAll(async () => {
    sites = await startTestSites({ workers: 2, nginx: await nginx() });
    site = await sites.serve();
    herd = openHerd(sites);
    // Not kept at first, so that herds do not wait for it.
    slowly({ "cache-control": "no-store" }, { ms: 0 });
    await herd.get(site, "/minded");
    for (const [path, headers] of Object.entries(RUNNING_OUT)) {
      slowly(headers, { ms: 0 });
      expect((await herd.get(site, path)).headers["x-cache"]).toBe("MISS");
    }
    aged = wait(RUN_OUT_MS);
  });

  afterAll(async () => {
    await herd?.end();
    await sites?.stop();
  });

  beforeEach(() => {
    sites.origin.seen.length = 0;
  });

  /** The origin takes its time and then answers so. */
  function slowly(headers: Readonly<Record<string, string>>, { status = 200, ms = ORIGIN_MS } = {}) {
    sites.origin.handle(({ method, url, headers: asked }, response) => {
      const body = `${method} ${url} ${asked["x-kind"] ?? ""}`.trim();
      const whole = { "content-length": `${body.length}`, ...headers };
      setTimeout(
        () => (status === 304 ? response.writeHead(304, headers).end() : response.writeHead(status, whole).end(body)),
        ms,
      );
    });
  }

  /** How many requests were at the origin at once, at most. None is answered before `gather` are there, or too long away. */
  function noticing(headers: Readonly<Record<string, string>>): { most: number; gather: number } {
    const noticed = { most: 0, gather: 0 };
    const held = new Set<() => void>();
    let now = 0;
    const answerHeld = () => {
      for (const answer of held) answer();
      held.clear();
    };
    sites.origin.handle((_asked, response) => {
      now += 1;
      noticed.most = Math.max(noticed.most, now);
      const answer = () => {
        now -= 1;
        response.writeHead(200, headers).end("mine");
      };
      if (noticed.gather === 0) {
        setTimeout(answer, ORIGIN_MS);
        return;
      }
      if (held.size === 0) setTimeout(answerHeld, GATHERED_WITHIN_MS);
      held.add(answer);
      if (held.size === noticed.gather) answerHeld();
    });
    return noticed;
  }

  const asked = () => sites.origin.seen.length;
  const caches = (answers: readonly { headers: Readonly<Record<string, unknown>> }[], cache: string) =>
    answers.filter(({ headers }) => headers["x-cache"] === cache).length;

  test("a herd for what is kept makes one request, and all have its answer", async () => {
    slowly({ "cache-control": "max-age=60" });
    const answers = await herd.all(site, "/kept", COUNT);
    expect(asked()).toBe(1);
    expect(new Set(answers.map(({ status, body }) => `${status} ${body}`))).toEqual(new Set(["200 GET /kept"]));
    expect([caches(answers, "MISS"), caches(answers, "HIT")]).toEqual([1, COUNT - 1]);
  });

  test("HEAD, parts, conditions and codings share that request, and each gets what it asked for", async () => {
    slowly({ "cache-control": "max-age=60", etag: '"one"' });
    const kinds = [
      { asked: { method: "HEAD" as const }, status: 200, body: "" },
      { asked: { headers: { range: "bytes=0-2" } }, status: 206, body: "GET" },
      { asked: { headers: { "if-none-match": '"one"' } }, status: 304, body: "" },
      { asked: { headers: { "accept-encoding": "gzip" } }, status: 200, body: "GET /mixed" },
    ];
    const kindOf = (index: number) => kinds[index % kinds.length];
    const answers = await herd.all(site, "/mixed", COUNT, (index) => kindOf(index)?.asked ?? {});
    expect(asked()).toBe(1);
    expect(answers.map(({ status, body }) => ({ status, body }))).toEqual(
      answers.map((_answer, index) => ({ status: kindOf(index)?.status, body: kindOf(index)?.body })),
    );
  });

  test("a herd for what is not kept waits for one header, and once that is known not at all", async () => {
    const noticed = noticing({ "cache-control": "no-store" });
    expect(caches(await herd.all(site, "/own", COUNT), "MISS")).toBe(COUNT);
    expect(asked()).toBe(COUNT);
    expect(noticed.most).toBeLessThan(COUNT);
    Object.assign(noticed, { most: 0, gather: COUNT });
    await herd.all(site, "/own", COUNT);
    expect([asked(), noticed.most]).toEqual([2 * COUNT, COUNT]);
    // Of this URL alone.
    slowly({ "cache-control": "max-age=60" });
    await herd.all(site, "/another", COUNT);
    expect(asked()).toBe(2 * COUNT + 1);
  });

  test("answers that have to be asked about each time are not waited for either", async () => {
    const noticed = noticing({ "cache-control": "no-cache", etag: '"one"' });
    await herd.all(site, "/asked-about", COUNT);
    Object.assign(noticed, { most: 0, gather: COUNT });
    await herd.all(site, "/asked-about", COUNT);
    expect(noticed.most).toBe(COUNT);
  });

  test("who waits is let go by the header of an answer that is not kept, not by its end", async () => {
    let endFirst = () => {};
    sites.origin.handle((_asked, response) => {
      response.writeHead(200, { "cache-control": "private" }).write("begun");
      if (asked() > 1) response.end();
      else endFirst = () => response.end();
    });
    const first = herd.get(site, "/endless");
    await expect.poll(asked).toBe(1);
    expect((await herd.get(site, "/endless")).status).toBe(200);
    endFirst();
    expect((await first).status).toBe(200);
  });

  test("an answer that is kept after all ends that: the next herd makes one request", async () => {
    await aged;
    slowly({ "cache-control": "max-age=60, must-revalidate" }, { status: 304 });
    const answers = await herd.all(site, "/minded", COUNT);
    expect(asked()).toBe(1);
    expect(sites.origin.seen.at(-1)?.headers["if-none-match"]).toBe('"one"');
    expect([caches(answers, "REVALIDATED"), caches(answers, "HIT")]).toEqual([1, COUNT - 1]);
  });

  test("a stale answer that may be served is served to all while one request renews it", async () => {
    await aged;
    slowly({ "cache-control": "max-age=60, stale-while-revalidate=60" });
    const answers = await herd.all(site, "/stale", COUNT);
    expect(caches(answers, "STALE") + caches(answers, "UPDATING")).toBe(COUNT);
    await expect.poll(async () => (await herd.get(site, "/stale")).headers["x-cache"]).toBe("HIT");
    expect(asked()).toBe(1);
  });

  test("variants are told apart as soon as the origin names what they depend on", async () => {
    slowly({ "cache-control": "max-age=60", vary: "X-Kind" });
    const kindOf = (index: number) => ({ headers: { "x-kind": `kind-${index % 4}` } });
    const answers = await herd.all(site, "/varied", COUNT, kindOf);
    expect(answers.map(({ body }) => body)).toEqual(answers.map((_answer, index) => `GET /varied kind-${index % 4}`));
    expect(asked()).toBeLessThanOrEqual(5);
    const before = asked();
    await herd.all(site, "/varied", COUNT, (index) => ({ headers: { "x-kind": `next-${index % 4}` } }));
    expect(asked()).toBe(before + 4);
  });

  test("a herd for what has run out makes one request, though the 304 says nothing of freshness", async () => {
    await aged;
    slowly({}, { status: 304 });
    const answers = await herd.all(site, "/renewed", COUNT);
    expect(asked()).toBe(1);
    expect([caches(answers, "REVALIDATED"), caches(answers, "HIT")]).toEqual([1, COUNT - 1]);
  });

  test("what nginx does not keep for its long Vary is waited for no more than what the origin forbids to keep", async () => {
    const vary = Array.from({ length: 20 }, (_name, index) => `x-kind-${index}`).join(",");
    expect(vary.length).toBeGreaterThan(128);
    const noticed = noticing({ "cache-control": "max-age=60", vary });
    // Fewer than the variants of one URL that are kept (openresty/lua/variants.lua).
    const count = 30;
    await herd.all(site, "/vary", count);
    Object.assign(noticed, { most: 0, gather: count });
    await herd.all(site, "/vary", count);
    expect([asked(), noticed.most]).toEqual([2 * count, count]);
  });

  test("a thousand different misses at once are a thousand answers", async () => {
    slowly({ "cache-control": "max-age=60" });
    const answers = await herd.all(site, "/", 1000, (index) => ({ path: `/each/${index}` }));
    expect(answers.map(({ status, body }) => `${status} ${body}`)).toEqual(
      answers.map((_answer, index) => `200 GET /each/${index}`),
    );
    expect(asked()).toBe(1000);
  });

  test("nothing of it is an error of the code", async () => {
    expect(await sites.edge.errorLog()).not.toMatch(/\blua\b|\[(crit|alert|emerg)\]/);
  });
});

test("two edges make one request each", async () => {
  const [one, other] = await Promise.all([startTestSites(), startTestSites()]);
  const herds = [one, other].map((sites) => openHerd(sites));
  try {
    for (const sites of [one, other]) {
      sites.origin.handle((_asked, response) => {
        setTimeout(() => response.writeHead(200, { "cache-control": "max-age=60" }).end("both"), ORIGIN_MS);
      });
    }
    const served = await Promise.all([one, other].map((sites) => sites.serve()));
    await Promise.all(served.map((site, index) => herds[index]?.all(site, "/both", COUNT)));
    expect([one.origin.seen.length, other.origin.seen.length]).toEqual([1, 1]);
  } finally {
    for (const herd of herds) await herd.end();
    await Promise.all([one.stop(), other.stop()]);
  }
});
