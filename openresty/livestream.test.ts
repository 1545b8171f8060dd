// A live stream: young manifests, long segments, types that players know, and an absence that is kept.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { exampleCacheRule } from "../edge-templates/test-examples.ts";
import { answering, startTestSites, type TestSites } from "./test-site.ts";

let sites: TestSites;

beforeAll(async () => {
  sites = await startTestSites();
});

afterAll(async () => {
  await sites?.stop();
});

beforeEach(() => {
  sites.origin.seen.length = 0;
});

const live = (isLivestream: boolean) =>
  sites.serve({ isLivestream, cacheRules: [{ ...exampleCacheRule, ttlSeconds: 3600, staleIfErrorSeconds: 3600 }] });

test("a manifest is kept for seconds, a segment for as long as the rule says", async () => {
  const site = await live(true);
  // As old as a manifest may be when it comes: the rule's hour would make it a hit.
  sites.origin.handle(answering({ "cache-control": "max-age=600", age: "2", etag: '"a"' }));
  for (const [path, second] of [
    ["/live/index.m3u8", "EXPIRED"],
    ["/live/index.mpd?_HLS_msn=4", "EXPIRED"],
    ["/live/1.ts", "HIT"],
  ] as const) {
    await site.ask(path);
    expect((await site.ask(path)).headers["x-cache"], path).toBe(second);
  }
  const other = await live(false);
  await other.ask("/live/index.m3u8");
  expect((await other.ask("/live/index.m3u8")).headers["x-cache"]).toBe("HIT");
});

test("types are right though the origin does not know them, from the cache too", async () => {
  const site = await live(true);
  sites.origin.handle(answering({ "content-type": "application/octet-stream" }));
  for (const [path, type] of [
    ["/index.m3u8", "application/vnd.apple.mpegurl"],
    ["/1.ts", "video/mp2t"],
    ["/1.m4s", "video/iso.segment"],
    ["/other", "application/octet-stream"],
  ] as const) {
    for (let turn = 1; turn <= 2; turn += 1) {
      expect((await site.ask(path)).headers["content-type"], path).toBe(type);
    }
  }
  const other = await live(false);
  expect((await other.ask("/1.ts")).headers["content-type"]).toBe("application/octet-stream");
});

test("that a segment is not there yet is kept too, for a second", async () => {
  sites.origin.handle(answering({}, 404));
  const caches = [];
  for (const site of [await live(true), await live(false)]) {
    await site.ask("/2.ts");
    const answer = await site.ask("/2.ts");
    expect(answer.status).toBe(404);
    caches.push(answer.headers["x-cache"] !== "MISS");
  }
  expect(caches).toEqual([true, false]);
});
