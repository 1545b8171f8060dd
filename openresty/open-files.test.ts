// Files of the cache that are asked for often stay open in each worker. What has taken a file's place is served from the
// moment on in which one worker has it.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestSites, type TestSite, type TestSites } from "./test-site.ts";

/** Each worker opens a file twice before it keeps it open; connections fall on either. */
const ASKED_OFTEN = 24;
const REPLACED_WITHIN_MS = 10_000;

describe("a file that stays open", () => {
  let sites: TestSites;
  let site: TestSite;

  beforeAll(async () => {
    sites = await startTestSites({ workers: 2 });
    site = await sites.serve();
  });
  afterAll(() => sites.stop());

  function answer(body: string): void {
    sites.origin.handle((_, response) => response.writeHead(200, { "cache-control": "max-age=1" }).end(body));
  }

  async function bodies(path: string): Promise<Set<string>> {
    const seen = new Set<string>();
    for (let asked = 0; asked < ASKED_OFTEN; asked += 1) seen.add((await site.ask(path)).body);
    return seen;
  }

  test("is not served once another has its place", async () => {
    answer("first");
    expect(await bodies("/replaced")).toEqual(new Set(["first"]));
    answer("second, and longer");
    const giveUpAt = performance.now() + REPLACED_WITHIN_MS;
    while ((await site.ask("/replaced")).body === "first") expect(performance.now()).toBeLessThan(giveUpAt);
    expect(await bodies("/replaced")).toEqual(new Set(["second, and longer"]));
  });
});
