// Answers are purged by the tags that their origin gives them, whatever the edge has forgotten of those.
import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { frame, type PurgeBody } from "../agents/contract.ts";
import { exampleCacheRule } from "../edge-templates/test-examples.ts";
import { startTestSites, type TestSite, type TestSites } from "./test-site.ts";

let sites: TestSites;
let epoch = Date.now();

beforeAll(async () => {
  sites = await startTestSites();
});

afterAll(async () => {
  await sites?.stop();
});

// What each path's answer has beside its freshness.
let answers: Record<string, Record<string, string>> = {};
let version = 1;

beforeEach(() => {
  [answers, version] = [{}, 1];
  sites.origin.handle(({ url, headers }, response) => {
    const [path = ""] = url.split("?");
    response.writeHead(200, { "cache-control": "max-age=600", ...answers[path] });
    response.end(`${headers["accept-encoding"] ?? ""} ${version}`);
  });
});

function purgeRecord(site: TestSite, tags: string[]) {
  epoch += 1;
  const body: PurgeBody = { format: 1, distribution: site.distribution.id, epoch, tags };
  return sites.feed.putBody(randomUUID(), JSON.stringify(body), "purge");
}

async function purge(site: TestSite, ...tags: string[]): Promise<void> {
  expect((await sites.edge.apply([purgeRecord(site, tags)])).body).toMatchObject({ refused: [] });
}

const cacheOf = async (site: TestSite, path: string, encoding = "") =>
  (await site.ask(path, { headers: [`Accept-Encoding: ${encoding}`] })).headers["x-cache"];

async function caches(site: TestSite, paths: readonly string[] = Object.keys(answers)): Promise<string> {
  const found: (string | undefined)[] = [];
  for (const path of paths) found.push(await cacheOf(site, path));
  return found.join(" ");
}

async function serveStored(tagged: Record<string, Record<string, string>>): Promise<TestSite> {
  answers = tagged;
  const site = await sites.serve();
  await caches(site);
  expect(new Set((await caches(site)).split(" "))).toEqual(new Set(["HIT"]));
  return site;
}

describe("a purge by tag", () => {
  test("takes what has the tag, however the origin says so, and nothing else", async () => {
    const site = await serveStored({
      "/surrogate": { "surrogate-key": "one two" },
      "/cache": { "cache-tag": "two, three" },
      "/both": { "surrogate-key": "four", "cache-tag": "one" },
      "/case": { "surrogate-key": "One ones" },
      "/none": {},
    });
    const other = await serveStored(answers);
    await purge(site, "one");
    expect(await caches(site)).toBe("MISS HIT MISS HIT HIT");
    expect(await caches(site)).toBe("HIT HIT HIT HIT HIT");
    await purge(site, "three", "four");
    expect(await caches(site)).toBe("HIT MISS MISS HIT HIT");
    await purge(site, "nobody's");
    expect(await caches(site)).toBe("HIT HIT HIT HIT HIT");
    expect(await caches(other)).toBe("HIT HIT HIT HIT HIT");
  });

  test("viewers see no tags", async () => {
    const site = await serveStored({ "/a": { "surrogate-key": "secret", "cache-tag": "secret, too" } });
    for (const curl of [[], ["-X", "POST"]]) {
      const { lines } = await site.ask("/a", { curl });
      expect(lines.filter((line) => /surrogate|cache-tag|x-edge/i.test(line))).toEqual([]);
    }
  });

  test("an answer with more tags than are looked after goes with any of them", async () => {
    const site = await serveStored({
      "/many": { "surrogate-key": Array.from({ length: 65 }, (_, at) => `tag-${at}`).join(" ") },
      "/most": { "surrogate-key": Array.from({ length: 64 }, (_, at) => `tag-${at}`).join(" ") },
      "/long": { "cache-tag": "x".repeat(20_000) },
    });
    await purge(site, "tag-64");
    expect(await caches(site)).toBe("MISS HIT MISS");
    await purge(site, "tag-63");
    expect(await caches(site)).toBe("MISS MISS MISS");
  });

  test("variants are purged by their own tags", async () => {
    const site = await sites.serve();
    sites.origin.handle(({ headers }, response) => {
      const encoding = headers["accept-encoding"] ?? "none";
      const own = { "surrogate-key": `page ${encoding}`, vary: "Accept-Encoding", "cache-control": "max-age=600" };
      response.writeHead(200, own).end();
    });
    const both = async () => [await cacheOf(site, "/page", "gzip"), await cacheOf(site, "/page", "br")];
    await both();
    await purge(site, "gzip");
    expect(await both()).toEqual(["MISS", "HIT"]);
    await purge(site, "page");
    expect(await both()).toEqual(["MISS", "MISS"]);
    await purge(site, "unrelated");
    expect(await both()).toEqual(["HIT", "HIT"]);
  });

  test("other tags of the same URL later are the ones that count", async () => {
    const site = await serveStored({ "/page": { "surrogate-key": "old" } });
    answers = { "/page": { "surrogate-key": "new" } };
    await purge(site, "old");
    expect(await caches(site)).toBe("MISS");
    await purge(site, "old");
    expect(await caches(site)).toBe("HIT");
    await purge(site, "new");
    expect(await caches(site)).toBe("MISS");
  });

  test("tags that a background update brought count", async () => {
    const stale = { "cache-control": "max-age=1, stale-while-revalidate=600" };
    answers = { "/page": { ...stale, age: "1", "surrogate-key": "old" } };
    const site = await sites.serve();
    await caches(site);
    const updated = new Promise<void>((resolve) => {
      sites.origin.handle((_, response) => {
        const fresh = { "cache-control": "max-age=600", "surrogate-key": "new" };
        response.writeHead(200, fresh).end("updated", () => resolve());
      });
    });
    expect(["STALE", "UPDATING"]).toContain(await caches(site, ["/page"]));
    await updated;
    await expect.poll(() => caches(site, ["/page"])).toBe("HIT");
    await purge(site, "new");
    expect(await caches(site, ["/page"])).toBe("MISS");
  });

  test("tags that a 304 brought count, and those from before still do", async () => {
    const old = { etag: '"a"', "cache-control": "max-age=1", age: "1", "surrogate-key": "old" };
    answers = { "/page": old };
    const site = await sites.serve();
    await caches(site);
    sites.origin.handle(({ headers }, response) => {
      const is304 = headers["if-none-match"] !== undefined;
      response.writeHead(is304 ? 304 : 200, {
        ...old,
        age: "0",
        "cache-control": "max-age=600",
        "surrogate-key": "new",
      });
      response.end();
    });
    expect(await caches(site)).toBe("REVALIDATED");
    await purge(site, "new");
    expect(await caches(site)).toBe("MISS");
  });

  test("all slices of a file go by the tags of the first that was fetched", async () => {
    const site = await sites.serve({ cacheRules: [{ ...exampleCacheRule, isSliced: true, ttlSeconds: 600 }] });
    const size = 3 * 1024 * 1024;
    sites.origin.handle(({ headers }, response) => {
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
      const range = { etag: '"same"', "surrogate-key": "film", "content-range": `bytes ${first}-${last}/${size}` };
      response.writeHead(206, range).end(`${version}`.repeat(Number(last) - Number(first) + 1));
    });
    const parts = async () => {
      const { headers, body } = await site.ask("/film.mp4");
      return [headers["x-cache"], body.length, ...new Set(body)];
    };
    await parts();
    version = 2;
    await purge(site, "other");
    // One tag mark more, but not the film's. What no record was left of when it was first asked for goes once.
    expect(await parts()).toEqual(["HIT", size, "1"]);
    await purge(site, "film");
    expect(await parts()).toEqual(["MISS", size, "2"]);
  });

  test("a fetch that the purge meets in flight is not served afterwards", async () => {
    const site = await sites.serve();
    const begun = new Promise<() => void>((resolve) => {
      sites.origin.handle((_, response) => {
        const own = { "cache-control": "max-age=600", "surrogate-key": "one" };
        resolve(() => response.writeHead(200, own).end("before"));
      });
    });
    const inFlight = site.ask("/slow");
    const release = await begun;
    await purge(site, "one");
    release();
    expect((await inFlight).body).toBe("before");
    sites.origin.handle((_, response) => response.setHeader("cache-control", "max-age=600").end("after"));
    expect((await site.ask("/slow")).body).toBe("after");
    expect((await site.ask("/slow")).body).toBe("after");
  });
});

describe("an edge that has forgotten tags", () => {
  const tagged = { "/one": { "surrogate-key": "one" }, "/two": { "surrogate-key": "two" }, "/none": {} };

  async function restart(site: TestSite, ...purged: string[][]): Promise<void> {
    const records = [sites.feed.put(site.distribution), ...purged.map((tags) => purgeRecord(site, tags))];
    await sites.edge.writeState({ journal: records.map(frame).join("") });
    await sites.edge.restart();
    await sites.edge.pin({ [`origin.test:${sites.origin.port}`]: ["127.0.0.1"] });
  }

  test("after a restart without purges learns them again from what it serves", async () => {
    const site = await serveStored(tagged);
    await restart(site);
    expect(await caches(site)).toBe("HIT HIT HIT");
    await purge(site, "one");
    expect(await cacheOf(site, "/one")).toBe("MISS");
    expect(await cacheOf(site, "/two")).toBe("HIT");
  });

  test("purges whatever it knows nothing of", async () => {
    const site = await serveStored(tagged);
    await restart(site, ["one"]);
    expect(await caches(site)).toBe("MISS MISS MISS");
    // What is stored since then is known again.
    await restart(site, ["one"]);
    expect(await caches(site)).toBe("MISS MISS MISS");
    expect(await caches(site)).toBe("HIT HIT HIT");
    await purge(site, "two");
    expect(await caches(site)).toBe("HIT MISS HIT");
  });

  test("with another size of its memory purges no less", async () => {
    const site = await serveStored(tagged);
    await purge(site, "two");
    await caches(site);
    const memory = join(sites.edge.home, "structure", "1", "memory.conf");
    await writeFile(memory, (await readFile(memory, "utf8")).replace("dict tagidx 64m", "dict tagidx 65m"));
    await sites.edge.reload();
    // Stored since the newest purge of a tag, or before it: the one is served, the other is not.
    expect(await caches(site)).toBe("MISS HIT MISS");
    await purge(site, "one");
    expect(await caches(site)).toBe("MISS HIT HIT");
  });
});
