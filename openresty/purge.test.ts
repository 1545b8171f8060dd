// What was purged is never served again, and nothing else is lost: marks from the feed, in front of a real cache.
import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { request } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { type FeedRecord, frame, type PurgeBody } from "../agents/contract.ts";
import { exampleCacheRule } from "../edge-templates/test-examples.ts";
import { startTestSites, type TestSite, type TestSites } from "./test-site.ts";
import { ask } from "./test-viewer.ts";

let sites: TestSites;
let epoch = Date.now();

beforeAll(async () => {
  sites = await startTestSites();
});

afterAll(async () => {
  await sites?.stop();
});

let version = 0;
beforeEach(() => {
  version = 1;
  sites.origin.handle((_, response) =>
    response.writeHead(200, { "cache-control": "max-age=600" }).end(`version ${version}`),
  );
});

/** Holds the next answer back until it is released; another request then is a fault. */
function holdNext(body: string, headers: Readonly<Record<string, string>> = {}) {
  const gate = new EventEmitter();
  const [begun, released] = [once(gate, "begun"), once(gate, "release")];
  sites.origin.handle((_, response) => {
    sites.origin.handle((__, second) => second.destroy());
    gate.emit("begun");
    const answer = () => response.writeHead(200, { "cache-control": "max-age=600", ...headers }).end(body);
    released.then(answer, () => response.destroy());
  });
  return { begun, release: () => gate.emit("release") };
}

type Wanted = Pick<PurgeBody, "all" | "urls" | "prefixes" | "tags">;

function purgeRecord(site: TestSite, wanted: Wanted): FeedRecord {
  epoch += 1;
  const body: PurgeBody = { format: 1, distribution: site.distribution.id, epoch, ...wanted };
  return sites.feed.putBody(randomUUID(), JSON.stringify(body), "purge");
}

async function purge(site: TestSite, wanted: Wanted): Promise<void> {
  expect((await sites.edge.apply([purgeRecord(site, wanted)])).body).toMatchObject({ refused: [] });
}

async function fetched(site: TestSite, path: string) {
  const url = `http://127.0.0.1:${sites.edge.httpPort}${path}`;
  const { headers, body } = await request(url, { headers: { host: site.host } });
  return { path, cache: headers["x-cache"], body: await body.text() };
}

/** Which of these paths come from the cache. */
async function kept(site: TestSite, paths: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(paths.map((path) => fetched(site, path)));
  return answers.filter(({ cache }) => cache === "HIT").map(({ path }) => path);
}

async function serveStored(paths: readonly string[]): Promise<TestSite> {
  const site = await sites.serve();
  for (const path of paths) await fetched(site, path);
  expect(await kept(site, paths)).toEqual(paths);
  return site;
}

describe("a purge", () => {
  const paths = ["/", "/a", "/a?x=1", "/a?x=2", "/a/", "/a/b", "/a/b/c?d", "/b"];

  test.each<[string, Wanted, string[]]>([
    ["of everything", { all: true }, []],
    ["of a URL without a query", { urls: ["/a"] }, ["/", "/a/", "/a/b", "/a/b/c?d", "/b"]],
    ["of a URL with a query", { urls: ["/a?x=1"] }, ["/", "/a", "/a?x=2", "/a/", "/a/b", "/a/b/c?d", "/b"]],
    ["of a prefix", { prefixes: ["/a/"] }, ["/", "/a", "/a?x=1", "/a?x=2", "/b"]],
    ["of several things", { urls: ["/b", "/"], prefixes: ["/a/b/"] }, ["/a", "/a?x=1", "/a?x=2", "/a/", "/a/b"]],
  ])("%s takes that and nothing else, and nothing of another distribution", async (_, wanted, left) => {
    const [site, other] = [await serveStored(paths), await serveStored(paths)];
    version = 2;
    await purge(site, wanted);
    expect(await kept(site, paths)).toEqual(left);
    expect(await kept(other, paths)).toEqual(paths);
    expect(await kept(site, paths)).toEqual(paths);
    const bodies = await Promise.all(paths.map(async (path) => (await fetched(site, path)).body));
    expect(bodies).toEqual(paths.map((path) => `version ${left.includes(path) ? 1 : 2}`));
  });
});

describe("stored answers", () => {
  test("a fetch that a purge meets in flight is not served afterwards", async () => {
    const site = await sites.serve();
    const held = holdNext("fetched before the purge");
    const inFlight = site.ask("/slow");
    await held.begun;
    await purge(site, { urls: ["/slow"] });
    held.release();
    expect((await inFlight).body).toBe("fetched before the purge");
    sites.origin.handle((_, response) => response.setHeader("cache-control", "max-age=600").end("after"));
    const after = await site.ask("/slow");
    expect([after.headers["x-cache"], after.body]).toEqual(["MISS", "after"]);
    expect((await site.ask("/slow")).body).toBe("after");
  });

  test("HEAD and GET are purged as one", async () => {
    const site = await serveStored(["/both"]);
    await purge(site, { urls: ["/both"] });
    expect((await site.ask("/both", { curl: ["--head"] })).headers["x-cache"]).toBe("MISS");
    expect((await site.ask("/both")).headers["x-cache"]).toBe("HIT");
  });

  test("all schemes and hosts of the distribution are purged at once", async () => {
    const site = await sites.serve({ hosts: ["one.test", "two.test"] });
    const everywhere = ["one.test", "two.test"].flatMap((host) => [true, false].map((https) => ({ host, https })));
    const caches = () => Promise.all(everywhere.map(async (asked) => (await askAs(asked)).headers["x-cache"]));
    const askAs = (asked: { host: string; https: boolean }) => ask(sites.edge, { path: "/everywhere", ...asked });
    await caches();
    expect(await caches()).toEqual(["HIT", "HIT", "HIT", "HIT"]);
    await purge(site, { urls: ["/everywhere"] });
    expect(await caches()).toEqual(["MISS", "MISS", "MISS", "MISS"]);
  });

  test("all variants are purged at once", async () => {
    const site = await sites.serve();
    sites.origin.handle(({ headers }, response) =>
      response
        .writeHead(200, { "cache-control": "max-age=600", vary: "X-Kind" })
        .end(`${headers["x-kind"]} ${version}`),
    );
    const kinds = () => Promise.all(["a", "b"].map((kind) => site.ask("/vary", { headers: [`X-Kind: ${kind}`] })));
    await kinds();
    expect((await kinds()).map(({ headers }) => headers["x-cache"])).toEqual(["HIT", "HIT"]);
    version = 2;
    await purge(site, { prefixes: ["/"] });
    expect((await kinds()).map(({ body }) => body)).toEqual(["a 2", "b 2"]);
  });

  test("slices are purged with their file", async () => {
    const site = await sites.serve({ cacheRules: [{ ...exampleCacheRule, isSliced: true, ttlSeconds: 600 }] });
    const file = (byte: string) => byte.repeat(2 * 1024 * 1024);
    const serving = (content: string) =>
      sites.origin.handle(({ headers }, response) => {
        const [, first = "0", last = "0"] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
        const part = content.slice(Number(first), Number(last) + 1);
        const range = `bytes ${first}-${Number(first) + part.length - 1}/${content.length}`;
        // The same validator: only the purge can tell.
        response.writeHead(206, { etag: '"same"', "content-range": range }).end(part);
      });
    const ends = async () => {
      const { headers, body } = await site.ask("/film.mp4");
      return [headers["x-cache"], body.length, body.at(0), body.at(-1)];
    };
    serving(file("1"));
    await ends();
    expect(await ends()).toEqual(["HIT", 2 * 1024 * 1024, "1", "1"]);
    serving(file("2"));
    expect(await ends()).toEqual(["HIT", 2 * 1024 * 1024, "1", "1"]);
    await purge(site, { urls: ["/film.mp4"] });
    expect(await ends()).toEqual(["MISS", 2 * 1024 * 1024, "2", "2"]);
    expect(await ends()).toEqual(["HIT", 2 * 1024 * 1024, "2", "2"]);
  });

  test("parameters that the rule leaves out do not make a purge miss", async () => {
    const query = { mode: "include" as const, names: ["page"] };
    const site = await sites.serve({ cacheRules: [{ ...exampleCacheRule, query }] });
    await site.ask("/list?utm=1&page=2");
    expect((await site.ask("/list?page=2")).headers["x-cache"]).toBe("HIT");
    await purge(site, { urls: ["/list?utm=7&page=2"] });
    expect((await site.ask("/list?page=2")).headers["x-cache"]).toBe("MISS");
  });

  test("a purge that comes before its distribution counts, and one that comes twice counts once", async () => {
    const site = await serveStored(["/early"]);
    const record = purgeRecord(site, { urls: ["/early"] });
    await sites.edge.apply([sites.feed.remove(site.distribution.id), record]);
    await site.change({});
    expect((await site.ask("/early")).headers["x-cache"]).toBe("MISS");
    await sites.edge.apply([record]);
    expect((await site.ask("/early")).headers["x-cache"]).toBe("HIT");
    await sites.edge.apply([sites.feed.remove(record.id, "purge")]);
    expect((await site.ask("/early")).headers["x-cache"]).toBe("HIT");
  });

  test("what another edge knows of purges is no business of a viewer's", async () => {
    const site = await serveStored(["/own"]);
    const headers = ["X-Edge-Min-Epoch: 9999999999999", "X-Edge-Min-Rev: 9999999999999"];
    expect((await site.ask("/own", { headers })).headers["x-cache"]).toBe("HIT");
  });
});

describe("the control socket", () => {
  test("tells what is purged of a distribution, and how full the memory is", async () => {
    const site = await sites.serve();
    const shown = async () => (await sites.edge.control("GET", `/marks?id=${site.distribution.id}`)).body;
    expect(await shown()).toEqual({ error: "nothing of this distribution was purged" });
    await purge(site, { all: true });
    const all = epoch;
    await purge(site, { urls: ["/a", "/b?c"], prefixes: ["/d/e/"], tags: ["f"] });
    expect(await shown()).toEqual({ all, tag: epoch, count: 4, depths: 0b100, has_urls: true });
    const { body } = await sites.edge.control("GET", "/state");
    const state = z.object({ purges: z.int(), mark_bytes: z.int(), mark_bytes_max: z.int() }).parse(body);
    expect(state.purges).toBeGreaterThanOrEqual(2);
    expect(state.mark_bytes).toBeLessThan(state.mark_bytes_max / 10);
  });

  test("takes what is no purge for a refusal of that record alone", async () => {
    const site = await serveStored(["/a"]);
    const bad = sites.feed.putBody(randomUUID(), '{"format":9}', "purge");
    const good = purgeRecord(site, { urls: ["/a"] });
    const message = "not of a format that this edge knows";
    const { body } = await sites.edge.apply([bad, good]);
    expect(body).toMatchObject({ refused: [{ kind: "purge", id: bad.id, stage: "push", message }] });
    expect(await kept(site, ["/a"])).toEqual([]);
    await sites.edge.apply([sites.feed.remove(bad.id, "purge")]);
  });

  test("a hundred thousand marks of one are in the way of nobody", async () => {
    const [site, other] = [await serveStored(["/a", "/b"]), await serveStored(["/a", "/b"])];
    for (let part = 0; part < 10; part += 1) {
      const records = Array.from({ length: 10 }, (_, place) =>
        purgeRecord(site, { urls: Array.from({ length: 1000 }, (__, at) => `/${part}/${place}/${at}`) }),
      );
      expect((await sites.edge.apply(records)).body).toMatchObject({ refused: [] });
    }
    const { body } = await sites.edge.control("GET", `/marks?id=${site.distribution.id}`);
    expect(body).toMatchObject({ all: 0, count: 100_000 });
    await purge(site, { urls: ["/b"] });
    expect(await kept(site, ["/a", "/b"])).toEqual(["/a"]);
    expect(await kept(other, ["/a", "/b"])).toEqual(["/a", "/b"]);
    await purge(site, { all: true });
    expect(await kept(site, ["/a", "/b"])).toEqual([]);
  });
});

describe("an nginx that begins anew", () => {
  test("knows from its disk what was purged, and what was not", async () => {
    const site = await serveStored(["/purged", "/kept"]);
    version = 2;
    const records = [sites.feed.put(site.distribution), purgeRecord(site, { urls: ["/purged"] })];
    await sites.edge.apply(records);
    await sites.edge.writeState({ journal: records.map(frame).join("") });
    await sites.edge.restart();
    await sites.edge.pin({ [`origin.test:${sites.origin.port}`]: ["127.0.0.1"] });
    expect((await site.ask("/purged")).body).toBe("version 2");
    expect((await site.ask("/kept")).body).toBe("version 1");
  });

  test("knows it after a reload, too, whatever that does to its memory", async () => {
    const site = await serveStored(["/purged", "/kept"]);
    version = 2;
    const records = [sites.feed.put(site.distribution), purgeRecord(site, { urls: ["/purged"] })];
    await sites.edge.apply(records);
    await sites.edge.reload();
    expect((await site.ask("/kept")).body).toBe("version 1");
    await sites.edge.writeState({ journal: records.map(frame).join("") });
    const memory = join(sites.edge.home, "structure", "1", "memory.conf");
    const text = await readFile(memory, "utf8");
    await writeFile(memory, text.replace("dict marks 128m", "dict marks 129m"));
    await sites.edge.reload();
    await sites.edge.pin({ [`origin.test:${sites.origin.port}`]: ["127.0.0.1"] });
    expect((await site.ask("/purged")).body).toBe("version 2");
    expect((await site.ask("/kept")).body).toBe("version 1");
  });

  test("finds nothing that it stored a month ago", async () => {
    const site = await serveStored(["/old"]);
    const { clock } = z.object({ clock: z.int() }).parse((await sites.edge.control("GET", "/state")).body);
    await sites.edge.writeState({ journal: frame(sites.feed.put(site.distribution)) });
    const restartAt = async (seconds: number) => {
      await writeFile(join(sites.edge.home, "state", "clock"), `${seconds}\n`);
      await sites.edge.restart();
      await sites.edge.pin({ [`origin.test:${sites.origin.port}`]: ["127.0.0.1"] });
    };
    await restartAt(clock);
    expect(await kept(site, ["/old"])).toEqual(["/old"]);
    await restartAt(clock + 31 * 86400);
    expect(await kept(site, ["/old"])).toEqual([]);
  });

  test("goes on from the latest time it was seen at", async () => {
    const clock = async () =>
      z.object({ clock: z.int() }).parse((await sites.edge.control("GET", "/state")).body).clock;
    const ahead = (await clock()) + 400 * 86400;
    await writeFile(join(sites.edge.home, "state", "clock"), `${ahead}\n`);
    await sites.edge.restart();
    expect(await clock()).toBeGreaterThanOrEqual(ahead);
    // Put back to a good time, it keeps to the one that it had told.
    await writeFile(join(sites.edge.home, "state", "clock"), "torn");
    await sites.edge.reload();
    expect(await clock()).toBeGreaterThanOrEqual(ahead);
    expect(await sites.edge.errorLog()).not.toContain("[alert]");
  });
});
