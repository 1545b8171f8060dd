// What header rules write: on the way to the origin and on the way to the viewer, cached or not.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { DesiredHeaderRule } from "../edge-templates/index.ts";
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

const rules = (phase: DesiredHeaderRule["phase"], ...list: Partial<DesiredHeaderRule>[]) =>
  list.map((rule): DesiredHeaderRule => ({ paths: [], phase, action: "set", name: "x-a", value: "", ...rule }));

test("answers carry what the rules for their path say, from the cache too", async () => {
  const site = await sites.serve({
    headerRules: rules(
      "response",
      { name: "strict-transport-security", value: "max-age=31536000; includeSubDomains" },
      { name: "x-robots-tag", value: "noindex", paths: ["/private/*", "*.pdf"] },
      { action: "remove", name: "x-powered-by" },
      { action: "remove", name: "etag" },
      { action: "remove", name: "server" },
      { name: "x-origin", value: "edge's" },
      { name: "content-type", value: "text/plain; charset=größer" },
      { name: "cache-control", value: "max-age=5" },
    ),
  });
  sites.origin.handle(
    answering({ "cache-control": "max-age=60", "x-powered-by": "PHP", etag: '"a"', "x-origin": "origin's" }),
  );
  for (const cache of ["MISS", "HIT"]) {
    const { headers } = await site.ask("/private/a");
    expect(headers).toMatchObject({
      "x-cache": cache,
      "strict-transport-security": "max-age=31536000; includeSubDomains",
      "x-robots-tag": "noindex",
      "x-origin": "edge's",
      "content-type": "text/plain; charset=größer",
      "cache-control": "max-age=5",
    });
    for (const name of ["x-powered-by", "etag", "server"]) expect(headers).not.toHaveProperty(name);
  }
  expect((await site.ask("/public")).headers).not.toHaveProperty("x-robots-tag");
  const posted = await site.ask("/report.pdf", { curl: ["--data-raw", "a=1"] });
  expect([posted.headers["x-cache"], posted.headers["x-robots-tag"]]).toEqual(["BYPASS", "noindex"]);
});

test("add leaves what is there, set does not, and they count in their order", async () => {
  const site = await sites.serve({
    headerRules: rules(
      "response",
      { action: "add", name: "link", value: "</a>" },
      { action: "add", name: "set-cookie", value: "a=1" },
      { name: "x-several", value: "only" },
      { name: "x-late", value: "1" },
      { action: "remove", name: "x-late" },
    ),
  });
  sites.origin.handle((_, response) =>
    response.writeHead(200, { link: ["</b>", "</c>"], "x-several": ["1", "2"] }).end(),
  );
  const { lines } = await site.ask("/");
  const valuesOf = (name: string) =>
    lines.filter((line) => line.toLowerCase().startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
  expect(valuesOf("link").join(", ").split(", ").sort()).toEqual(["</a>", "</b>", "</c>"]);
  expect(valuesOf("set-cookie")).toEqual(["a=1"]);
  expect(valuesOf("x-several")).toEqual(["only"]);
  expect(valuesOf("x-late")).toEqual([]);
});

test("origins are asked with what the rules for the path say", async () => {
  const site = await sites.serve({
    headerRules: rules(
      "request",
      { name: "x-shop", value: "größer" },
      { name: "x-forged", value: "edge's" },
      { action: "remove", name: "cookie", paths: ["/static/*"] },
      { action: "add", name: "x-list", value: "b" },
    ),
  });
  const headers = ["Cookie: a=1", "X-Forged: viewer's", "X-List: a"];
  sites.origin.handle(answering({}));
  await site.ask("/static/a", { headers });
  await site.ask("/other", { headers });
  await site.ask("/static/a", { headers, curl: ["--data-raw", "a=1"] });
  const latin = Buffer.from("größer").toString("latin1");
  expect(sites.origin.seen.map(({ headers }) => [headers["x-shop"], headers["x-forged"], headers.cookie])).toEqual([
    [latin, "edge's", undefined],
    [latin, "edge's", "a=1"],
    [latin, "edge's", undefined],
  ]);
  expect(sites.origin.seen.map(({ headers }) => headers["x-list"])).toEqual(["a, b", "a, b", "a, b"]);
});

test("credentials that a rule writes or takes away are no viewer's", async () => {
  const cacheRules = [{ ...exampleCacheRule, ttlSeconds: 600 }];
  const viewers = { headers: ["Authorization: Basic viewer"] };
  const cacheOf = async (headerRules: DesiredHeaderRule[], asked: { headers?: string[] }) => {
    const site = await sites.serve({ cacheRules, headerRules });
    await site.ask("/a", asked);
    return (await site.ask("/a", asked)).headers["x-cache"];
  };
  sites.origin.handle(answering({}));
  expect(await cacheOf(rules("request", { name: "authorization", value: "Basic rule" }), {})).toBe("HIT");
  expect(await cacheOf(rules("request", { name: "authorization", value: "Basic rule" }), viewers)).toBe("HIT");
  expect(await cacheOf(rules("request", { action: "remove", name: "authorization" }), viewers)).toBe("HIT");
  expect(await cacheOf(rules("request", { name: "x-other", value: "1" }), viewers)).toBe("MISS");
});
