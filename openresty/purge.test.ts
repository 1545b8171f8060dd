// What was purged is never served again, and nothing else is lost: marks from the feed, in front of a real cache.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { FeedRecord, PurgeBody } from "../agents/contract.ts";
import { startTestSites, type TestSite, type TestSites } from "./test-site.ts";

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

type Wanted = Pick<PurgeBody, "all" | "urls" | "prefixes" | "tags">;

function purgeRecord(site: TestSite, wanted: Wanted): FeedRecord {
  epoch += 1;
  const body: PurgeBody = { format: 1, distribution: site.distribution.id, epoch, ...wanted };
  return sites.feed.putBody(randomUUID(), JSON.stringify(body), "purge");
}

async function purge(site: TestSite, wanted: Wanted): Promise<void> {
  expect((await sites.edge.apply([purgeRecord(site, wanted)])).body).toMatchObject({ refused: [] });
}

/** Which of these paths come from the cache. */
async function kept(site: TestSite, paths: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(paths.map(async (path) => ({ path, answer: await site.ask(path) })));
  return answers.filter(({ answer }) => answer.headers["x-cache"] === "HIT").map(({ path }) => path);
}

async function serveStored(paths: readonly string[]): Promise<TestSite> {
  const site = await sites.serve();
  for (const path of paths) await site.ask(path);
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
    const bodies = await Promise.all(paths.map(async (path) => (await site.ask(path)).body));
    expect(bodies).toEqual(paths.map((path) => `version ${left.includes(path) ? 1 : 2}`));
  });
});
