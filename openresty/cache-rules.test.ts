// What cache rules make of an answer: what is kept, for how long, what tells answers apart, and what browsers are told.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { DesiredCacheRule } from "../edge-templates/index.ts";
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

const withRules = (...rules: Partial<DesiredCacheRule>[]) => ({
  cacheRules: rules.map((rule) => ({ ...exampleCacheRule, ...rule })),
});
const seenUrls = () => sites.origin.seen.map(({ url }) => url);

describe("which rule holds", () => {
  test("the first that matches the path, whatever the query", async () => {
    const site = await sites.serve(
      withRules({ paths: ["/kept/*", "*/exact"], ttlSeconds: 600 }, { extensions: ["css"], ttlSeconds: 600 }),
    );
    sites.origin.handle(answering({}));
    const second = async (path: string) => {
      await site.ask(path);
      return (await site.ask(path)).headers["x-cache"];
    };
    for (const path of ["/kept/a", "/kept/?/b", "/a/exact?q=1", "/a.css", "/a.CSS?b"]) {
      expect(await second(path), path).toBe("HIT");
    }
    for (const path of ["/kept", "/exact/a", "/a.csss", "/css"]) expect(await second(path), path).toBe("MISS");
  });
});

describe("for how long", () => {
  test("respect: the origin's words come first, the rule's where it is silent", async () => {
    const site = await sites.serve(withRules({ ttlSeconds: 600, ttlMaxSeconds: 900 }));
    for (const [path, headers, second] of [
      ["/silent", {}, "HIT"],
      ["/said", { "cache-control": "max-age=0" }, "EXPIRED"],
      ["/private", { "cache-control": "private" }, "MISS"],
    ] as const) {
      sites.origin.handle(answering(headers));
      await site.ask(path);
      expect((await site.ask(path)).headers["x-cache"], path).toBe(second);
    }
  });

  test("override: the rule's, but nothing that is one viewer's is kept", async () => {
    const site = await sites.serve(withRules({ mode: "override", ttlSeconds: 600 }));
    for (const [path, headers, second] of [
      ["/no-cache", { "cache-control": "no-cache, must-revalidate, max-age=0" }, "HIT"],
      ["/expired", { expires: "0", age: "9999" }, "HIT"],
      ["/no-store", { "cache-control": "no-store" }, "MISS"],
      ["/private", { "cache-control": "private, max-age=600" }, "MISS"],
      ["/cookie", { "set-cookie": "a=b" }, "MISS"],
      ["/all", { vary: "*" }, "MISS"],
    ] as const) {
      sites.origin.handle(answering(headers));
      await site.ask(path);
      expect((await site.ask(path)).headers["x-cache"], path).toBe(second);
    }
    sites.origin.handle(answering({ "cache-control": "max-age=600" }));
    const authorized = { headers: ["Authorization: Basic eDp5"] };
    await site.ask("/authorized", authorized);
    expect((await site.ask("/authorized", authorized)).headers["x-cache"]).toBe("MISS");
  });

  test("override with its switch: private answers too, without their cookies", async () => {
    const site = await sites.serve(withRules({ mode: "override", ttlSeconds: 600, isPrivateOverridden: true }));
    sites.origin.handle(answering({ "cache-control": "private, no-store", "set-cookie": "a=b" }));
    const authorized = { headers: ["Authorization: Basic eDp5"] };
    await site.ask("/a", authorized);
    const second = await site.ask("/a", authorized);
    expect(second.headers["x-cache"]).toBe("HIT");
    expect(second.headers).not.toHaveProperty("set-cookie");
  });

  test("bypass: the origin is asked each time, and nothing is kept", async () => {
    const site = await sites.serve(withRules({ paths: ["/api/*"], mode: "bypass" }));
    sites.origin.handle(answering({ "cache-control": "max-age=600" }));
    for (let turn = 1; turn <= 2; turn += 1) {
      const answer = await site.ask("/api/x?utm=1");
      expect([answer.headers["x-cache"], answer.headers["cache-status"]]).toEqual(["BYPASS", "edgewright; fwd=bypass"]);
    }
    expect(seenUrls()).toEqual(["/api/x?utm=1", "/api/x?utm=1"]);
  });

  test("bypass of a content type is known when the answer comes", async () => {
    const site = await sites.serve(withRules({ mode: "bypass", contentTypes: ["text/html"] }));
    sites.origin.handle((request, response) =>
      response
        .writeHead(200, {
          "content-type": request.url === "/page" ? "Text/HTML" : "text/css",
          "cache-control": "max-age=60",
        })
        .end(),
    );
    for (const path of ["/page", "/style"]) await site.ask(path);
    expect((await site.ask("/page")).headers["x-cache"]).toBe("MISS");
    expect((await site.ask("/style")).headers["x-cache"]).toBe("HIT");
  });

  test("by status: errors are kept for as long as the rule says, and never by guess", async () => {
    const site = await sites.serve(
      withRules({ paths: ["/ruled/*"], ttlSeconds: 600, ttlByStatus: { "404": 600, "5xx": 600, "4xx": 600 } }, {}),
    );
    for (const [path, status, second] of [
      ["/ruled/404", 404, "HIT"],
      ["/ruled/503", 503, "HIT"],
      ["/ruled/410", 410, "HIT"],
      ["/ruled/400", 400, "MISS"],
      ["/ruled/403", 403, "MISS"],
      ["/404", 404, "MISS"],
      ["/503", 503, "MISS"],
    ] as const) {
      sites.origin.handle(answering({}, status));
      await site.ask(path);
      const answer = await site.ask(path);
      expect([answer.status, answer.headers["x-cache"]], path).toEqual([status, second]);
    }
  });

  test("stale copies: the rule's times where the origin says none", async () => {
    const site = await sites.serve(withRules({ staleWhileRevalidateSeconds: 600 }));
    sites.origin.handle(answering({ "cache-control": "max-age=10", age: "100" }));
    await site.ask("/swr");
    expect((await site.ask("/swr")).headers["x-cache"]).toBe("STALE");
  });
});

describe("what tells answers apart", () => {
  test("every parameter, in the order in which it came, where no rule says otherwise", async () => {
    const site = await sites.serve();
    sites.origin.handle(answering({ "cache-control": "max-age=60" }));
    for (const path of ["/q?a=1&b=2", "/q?b=2&a=1", "/q?a=1&b=2&", "/q"]) {
      expect((await site.ask(path)).headers["x-cache"], path).toBe("MISS");
    }
  });

  test.each([
    ["none", [], ["/q?a=1&b=2", "/q?c", "/q?", "/q"], "/q"],
    [
      "include",
      ["a", "b[]"],
      ["/q?x=0&b%5B%5D=2&a=1", "/q?a=1&b%5B%5D=2&ab=3", "/q?&a=1&&b%5B%5D=2"],
      "/q?a=1&b%5B%5D=2",
    ],
    ["exclude", ["utm_source", "gclid"], ["/q?b=2&utm%5Fsource=x&a=1", "/q?a=1&b=2&gclid", "/q?b=2&a=1"], "/q?a=1&b=2"],
  ] as const)("query %s: one answer, and the origin sees no other parameter", async (mode, names, paths, asked) => {
    const site = await sites.serve(withRules({ query: { mode, names } }));
    sites.origin.handle(answering({ "cache-control": "max-age=60" }));
    const answers = [];
    for (const path of paths) answers.push((await site.ask(path)).headers["x-cache"]);
    expect(answers).toEqual(["MISS", ...paths.slice(1).map(() => "HIT")]);
    expect(seenUrls()).toEqual([asked]);
  });

  test("a POST takes its whole query along", async () => {
    const site = await sites.serve(withRules({ query: { mode: "none", names: [] } }));
    sites.origin.handle(answering({}));
    await site.ask("/form?token=1", { curl: ["--data-raw", "a=1"] });
    expect(seenUrls()).toEqual(["/form?token=1"]);
  });

  test("cookies and headers that the rule names, and no others", async () => {
    const site = await sites.serve(withRules({ cookies: ["Currency"], headers: ["x-device"] }));
    sites.origin.handle(answering({ "cache-control": "max-age=60" }));
    const cacheOf = async (...headers: string[]) => (await site.ask("/shop", { headers })).headers["x-cache"];
    expect(await cacheOf()).toBe("MISS");
    expect(await cacheOf("Cookie: session=1", "X-Other: 1")).toBe("HIT");
    expect(await cacheOf("Cookie: session=1; Currency=EUR")).toBe("MISS");
    expect(await cacheOf("Cookie: Currency=EUR; session=2")).toBe("HIT");
    expect(await cacheOf("Cookie: Currency=USD")).toBe("MISS");
    expect(await cacheOf("X-Device: phone")).toBe("MISS");
    expect(await cacheOf("X-Device: phone", "Cookie: Currency=EUR")).toBe("MISS");
    expect(await cacheOf("X-Device: phone")).toBe("HIT");
    expect(await cacheOf("Cookie: Currency=", "X-Device: -:3:EUR")).toBe("MISS");
  });

  test("Vary: one answer per value, and no more than a URL needs", async () => {
    const site = await sites.serve();
    sites.origin.handle((request, response) =>
      response
        .writeHead(200, { "cache-control": "max-age=60", vary: "X-Kind, X-More" })
        .end(`${request.headers["x-kind"]} ${request.headers["x-more"]}`),
    );
    const asked = async (...headers: string[]) => {
      const answer = await site.ask("/varied", { headers });
      return [answer.body, answer.headers["x-cache"]];
    };
    expect(await asked("X-Kind: a")).toEqual(["a undefined", "MISS"]);
    expect(await asked("X-Kind: b")).toEqual(["b undefined", "MISS"]);
    expect(await asked("X-Kind: a", "X-More: 1")).toEqual(["a 1", "MISS"]);
    expect(await asked("X-Kind: a", "X-Unnamed: 1")).toEqual(["a undefined", "HIT"]);
    expect(await asked("X-Kind: b")).toEqual(["b undefined", "HIT"]);
    for (let made = 4; made <= 70; made += 1) await asked(`X-Kind: made-up-${made}`);
    expect(await asked("X-Kind: made-up-60")).toEqual(["made-up-60 undefined", "HIT"]);
    expect(await asked("X-Kind: made-up-70")).toEqual(["made-up-70 undefined", "MISS"]);
    expect(await asked("X-Kind: made-up-70")).toEqual(["made-up-70 undefined", "MISS"]);
  });

  test("Accept-Encoding is one of four, whatever the browser", async () => {
    const site = await sites.serve();
    sites.origin.handle(answering({ "cache-control": "max-age=60", vary: "Accept-Encoding" }));
    for (const line of ["gzip, deflate, br, zstd", "br;q=0.9, GZIP", "gzip;q=0, br;q=0", "deflate", "gzip;q=1.0, *"]) {
      await site.ask("/coded", { headers: [`Accept-Encoding: ${line}`] });
    }
    await site.ask("/coded");
    const codings = sites.origin.seen.map(({ headers }) => headers["accept-encoding"]);
    expect(codings).toEqual(["br, gzip", undefined, "gzip"]);
  });
});

test("Accept-Language: one answer for all who want the same", async () => {
  const site = await sites.serve();
  sites.origin.handle(answering({ "cache-control": "max-age=60", vary: "Accept-Language" }));
  const caches = [];
  for (const line of ["en-US,en;q=0.9", "EN-us , en; q=0.9", "de", "en;q=0.9,en-US"]) {
    caches.push((await site.ask("/said", { headers: [`Accept-Language: ${line}`] })).headers["x-cache"]);
  }
  expect(caches).toEqual(["MISS", "HIT", "MISS", "HIT"]);
});

describe("what browsers are told", () => {
  test("the rule's time from now on, however old the copy", async () => {
    const site = await sites.serve(withRules({ ttlSeconds: 600, browserTtlSeconds: 30, contentTypes: ["text/css"] }));
    sites.origin.handle(
      answering({
        "content-type": "text/css",
        "cache-control": "max-age=600, public",
        expires: "0",
        age: "100",
        date: "Mon, 01 Jan 2024 00:00:00 GMT",
        etag: '"a"',
      }),
    );
    await site.ask("/a");
    for (const headers of [[], ['If-None-Match: "a"']]) {
      const answer = await site.ask("/a", { headers });
      expect(answer.status).toBe(headers.length === 0 ? 200 : 304);
      expect(answer.headers["cache-control"]).toBe("max-age=30");
      expect(answer.headers).not.toHaveProperty("expires");
      expect(answer.headers).not.toHaveProperty("age");
      expect(Math.abs(Date.parse(answer.headers.date ?? "") - Date.now())).toBeLessThan(60_000);
    }
  });

  test.each([
    ["another content type", { "content-type": "text/html", "cache-control": "max-age=5" }, 200],
    ["private", { "content-type": "text/css", "cache-control": "Private" }, 200],
    ["no-store", { "content-type": "text/css", "cache-control": "no-store, max-age=5" }, 200],
    ["a cookie", { "content-type": "text/css", "set-cookie": "a=b", "cache-control": "max-age=0" }, 200],
    ["an error", { "content-type": "text/css", "cache-control": "max-age=5" }, 404],
  ])("%s stays as the origin said it", async (_, headers, status) => {
    const site = await sites.serve(withRules({ browserTtlSeconds: 30, contentTypes: ["text/css"] }));
    sites.origin.handle(answering(headers, status));
    expect((await site.ask("/a")).headers["cache-control"]).toBe(headers["cache-control"]);
  });
});

describe("HEAD", () => {
  test("is answered from what a GET has stored, and stores what a GET is answered from", async () => {
    const site = await sites.serve();
    sites.origin.handle(answering({ "cache-control": "max-age=60" }));
    const first = await site.ask("/head", { curl: ["--head"] });
    expect([first.status, first.headers["x-cache"], first.body]).toEqual([200, "MISS", ""]);
    expect((await site.ask("/head")).headers["x-cache"]).toBe("HIT");
    expect((await site.ask("/head", { curl: ["--head"] })).headers["x-cache"]).toBe("HIT");
    expect(sites.origin.seen.map(({ method }) => method)).toEqual(["GET"]);
  });
});
