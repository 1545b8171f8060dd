// What viewers get of an edge: real nginx, a real origin, curl over HTTP/1.1, 2 and 3.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { exampleCacheRule } from "../edge-templates/test-examples.ts";
import { startTestEdge, type TestEdge } from "./test-edge.ts";
import { aDistribution, anOrigin, createTestFeed } from "./test-feed.ts";
import { startTestOrigin, type TestOrigin } from "./test-origin.ts";
import { ask, type HttpVersion } from "./test-viewer.ts";

const feed = createTestFeed();
let edge: TestEdge;
let origin: TestOrigin;

beforeAll(async () => {
  [edge, origin] = await Promise.all([startTestEdge({ state: { trust: feed.trust } }), startTestOrigin()]);
  await edge.pin({ [`origin.test:${origin.port}`]: ["127.0.0.1"] });
  await edge.apply([
    feed.put(aDistribution({ originPort: origin.port })),
    feed.put(aDistribution({ originPort: origin.port, hosts: ["*.wild.test"] })),
    feed.put(aDistribution({ originPort: origin.port, hosts: ["tcp.test"], http3: false })),
    feed.put(aDistribution({ originPort: origin.port, hosts: ["secure.test"], redirectHttpToHttps: true })),
    feed.put(aDistribution({ originPort: origin.port, hosts: ["plain.test"], https: false })),
  ]);
});

afterAll(async () => {
  await Promise.all([edge?.stop(), origin?.stop()]);
});

beforeEach(() => {
  origin.seen.length = 0;
  origin.handle((request, response) => {
    response.setHeader("cache-control", "max-age=60");
    response.end(`${request.method} ${request.url}`);
  });
});

describe.each<HttpVersion>(["1.1", "2", "3"])("over HTTP/%s", (version) => {
  test("the first answer is a MISS, the second a HIT that the origin does not see", async () => {
    const path = `/first-${version}?q=1`;
    const first = await ask(edge, { path, version });
    const second = await ask(edge, { path, version });
    expect([first.status, first.version, first.headers["x-cache"], first.body]).toEqual([
      200,
      version,
      "MISS",
      `GET ${path}`,
    ]);
    expect([second.status, second.headers["x-cache"], second.body]).toEqual([200, "HIT", first.body]);
    expect(second.headers["cache-status"]).toMatch(/^edgewright; hit; ttl=(59|60)$/);
    expect(second.headers["cache-control"]).toBe("max-age=60");
    expect(second.headers).toHaveProperty("age");
    expect(second.headers.via).toBe("1.1 edgewright");
    expect(second.headers["x-request-id"]).toMatch(/^[0-9a-f]{32}$/);
    expect(second.headers["x-request-id"]).not.toBe(first.headers["x-request-id"]);
    expect(
      Object.keys(second.headers).filter((name) => name.startsWith("x-edge-") || name.startsWith("x-accel-")),
    ).toEqual([]);
    expect(origin.seen).toHaveLength(1);
  });

  test("a HEAD and a part are answered from the stored whole", async () => {
    const path = `/whole-${version}`;
    const whole = await ask(edge, { path, version });
    const head = await ask(edge, { path, version, curl: ["--head"] });
    const part = await ask(edge, { path, version, headers: ["Range: bytes=2-5"] });
    expect([head.status, head.headers["x-cache"], head.headers["content-length"], head.body]).toEqual([
      200,
      "HIT",
      `${whole.body.length}`,
      "",
    ]);
    expect([part.status, part.headers["content-range"], part.body]).toEqual([
      206,
      `bytes 2-5/${whole.body.length}`,
      whole.body.slice(2, 6),
    ]);
    expect(origin.seen).toHaveLength(1);
  });

  test("a first request for a part fetches and keeps the whole", async () => {
    const path = `/part-${version}`;
    const part = await ask(edge, { path, version, headers: ["Range: bytes=0-2"] });
    expect([part.status, part.body]).toEqual([206, "GET"]);
    expect((await ask(edge, { path, version })).headers["x-cache"]).toBe("HIT");
  });

  test("a POST goes to the origin with its body, each time", async () => {
    const body = "x".repeat(100_000);
    for (let turn = 1; turn <= 2; turn += 1) {
      const answer = await ask(edge, {
        path: "/upload",
        version,
        curl: ["--data-raw", body, "-H", "Expect:"],
      });
      expect([answer.status, answer.headers["x-cache"], answer.body]).toEqual([200, "BYPASS", "POST /upload"]);
      expect(answer.headers["cache-status"]).toBe("edgewright; fwd=method");
    }
    expect(origin.seen.map((request) => request.body.length)).toEqual([100_000, 100_000]);
  });

  test("an unknown host is 421 with a short page that names the request", async () => {
    const answer = await ask(edge, { host: "unknown.test", path: "/", version });
    expect(answer.status).toBe(421);
    expect(answer.body).toContain(answer.headers["x-request-id"]);
    expect(answer.body.length).toBeLessThan(300);
  });
});

test("HTTP/3 is offered over TLS, and by no distribution that has it off", async () => {
  const offered = await ask(edge, { path: "/offer", version: "2" });
  expect(offered.headers["alt-svc"]).toBe(`h3=":${edge.httpsPort}"; ma=86400`);
  expect((await ask(edge, { path: "/offer" })).headers).not.toHaveProperty("alt-svc");
  expect((await ask(edge, { host: "tcp.test", path: "/", version: "2" })).headers).not.toHaveProperty("alt-svc");
  expect((await ask(edge, { host: "tcp.test", path: "/", version: "3" })).status).toBe(421);
});

test("a wildcard host serves each name of one label, with an object for each", async () => {
  const first = await ask(edge, { host: "a.wild.test", path: "/w" });
  const second = await ask(edge, { host: "b.wild.test", path: "/w" });
  expect([first.headers["x-cache"], second.headers["x-cache"]]).toEqual(["MISS", "MISS"]);
  expect((await ask(edge, { host: "a.b.wild.test", path: "/w" })).status).toBe(421);
});

test("plain HTTP is led to HTTPS where the distribution says so", async () => {
  const answer = await ask(edge, { host: "secure.test", path: "/a?b=1" });
  expect([answer.status, answer.headers.location]).toEqual([301, `https://secure.test:${edge.httpsPort}/a?b=1`]);
  expect((await ask(edge, { host: "secure.test", path: "/a?b=1", https: true })).status).toBe(200);
});

test("a distribution without HTTPS refuses it and serves plain HTTP", async () => {
  expect((await ask(edge, { host: "plain.test", path: "/a", https: true })).status).toBe(421);
  expect((await ask(edge, { host: "plain.test", path: "/a" })).status).toBe(200);
});

test("the origin learns of the viewer from the edge alone", async () => {
  await ask(edge, {
    path: "/who",
    headers: [
      ...[
        "X-Forwarded-For: 6.6.6.6",
        "X-Forwarded-Host: evil.test",
        "X-Forwarded-Proto: gopher",
        "Forwarded: for=6.6.6.6",
      ],
      ...["X-Original-URL: /admin", "X-Rewrite-URL: /admin", "X-HTTP-Method-Override: DELETE"],
      ...["X-Edge-Hop: HIT x", "X-Edge-Anything: 1", "X-Request-Id: forged"],
    ],
  });
  const [request] = origin.seen;
  expect(request?.headers).toMatchObject({
    host: "origin.test",
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-host": "www.example.com",
    "x-forwarded-proto": "http",
    via: "1.1 edgewright",
    "cdn-loop": expect.stringMatching(/^edgewright-/),
    "x-request-id": expect.stringMatching(/^[0-9a-f]{32}$/),
  });
  const names = Object.keys(request?.headers ?? {});
  const forbidden = ["forwarded", "x-original-url", "x-rewrite-url", "x-http-method-override"];
  expect(names.filter((name) => forbidden.includes(name) || name.startsWith("x-edge-"))).toEqual([]);
});

test("the origin does not steer the edge, nor set one viewer's cookie for all", async () => {
  origin.handle((_, response) => {
    response.writeHead(200, {
      "cache-control": "max-age=60",
      "x-accel-redirect": "/elsewhere",
      "x-accel-expires": "1",
      "x-accel-limit-rate": "1",
      "x-edge-stored": "0,0,0",
      "x-edge-cache-control": "private",
      "set-cookie": "session=1",
      connection: "keep-alive, x-hop",
      "x-hop": "1",
    });
    response.end("as it is");
  });
  // Whom the origin has answered, it may give a cookie.
  expect((await ask(edge, { path: "/steer" })).headers["set-cookie"]).toBe("session=1");
  const { status, body, headers } = await ask(edge, { path: "/steer" });
  expect([status, body, headers["x-cache"], headers["cache-control"]]).toEqual([200, "as it is", "HIT", "max-age=60"]);
  expect(headers).not.toHaveProperty("set-cookie");
  expect(headers).not.toHaveProperty("x-hop");
  expect(Object.keys(headers).filter((name) => /^x-(edge|accel)-/.test(name))).toEqual([]);
});

test("nor does the origin steer it behind a thousand other lines", async () => {
  origin.handle((_, response) => {
    for (let line = 1; line <= 1010; line += 1) response.setHeader(`A${line}`, "");
    response.setHeader("x-edge-anything", "1");
    response.end("as it is");
  });
  const { status, body, headers } = await ask(edge, { path: "/many-lines" });
  expect([status, body]).toEqual([200, "as it is"]);
  expect(headers).toHaveProperty("a1010");
  expect(headers).not.toHaveProperty("x-edge-anything");
});

test.each([["nothing"], ["no-cache"], ["max-age=0, must-revalidate"]])(
  "a cookie whose answer is not for all is handed on and nothing is kept, when Cache-Control says %s",
  async (said) => {
    const headers = { "set-cookie": "session=1", etag: '"a"', "content-type": "text/css" };
    origin.handle((_, response) =>
      response.writeHead(200, said === "nothing" ? headers : { ...headers, "cache-control": said }).end("yours"),
    );
    for (let turn = 1; turn <= 2; turn += 1) {
      const answer = await ask(edge, { path: "/mine.css" });
      expect([answer.headers["x-cache"], answer.headers["set-cookie"]]).toEqual(["MISS", "session=1"]);
    }
  },
);

test("a rule keeps what the origin says nothing about, if it is what its name says", async () => {
  origin.handle((request, response) =>
    response.writeHead(200, { "content-type": request.url.startsWith("/page") ? "text/html" : "text/css" }).end("body"),
  );
  await ask(edge, { path: "/style.css" });
  expect((await ask(edge, { path: "/style.css" })).headers["x-cache"]).toBe("HIT");
  await ask(edge, { path: "/page.css" });
  expect((await ask(edge, { path: "/page.css" })).headers["x-cache"]).toBe("MISS");
});

test("a rule holds for the paths that it names", async () => {
  const cacheRules = [{ ...exampleCacheRule, paths: ["/kept/*", "*/exact"], ttlSeconds: 600 }];
  await edge.apply([feed.put(aDistribution({ originPort: origin.port, hosts: ["paths.test"], cacheRules }))]);
  origin.handle((_, response) => response.end("silent"));
  for (const [path, second] of [
    ["/kept/a", "HIT"],
    ["/a/exact", "HIT"],
    ["/kept", "MISS"],
    ["/exact/a", "MISS"],
  ]) {
    await ask(edge, { host: "paths.test", path: `${path}` });
    expect((await ask(edge, { host: "paths.test", path: `${path}` })).headers["x-cache"], path).toBe(second);
  }
});

test("a target that can be read in two ways is refused", async () => {
  for (const path of ["/a/../b", "/a%2fb", "/a%5cb", "/%00", "/%zz", "/a\\b"]) {
    expect((await ask(edge, { path })).status, path).toBe(400);
  }
  const [host, other] = ["www.example.com", "a.wild.test"];
  const twoHosts = await ask(edge, {
    host,
    path: "/",
    curl: ["--request-target", `http://${host}/`, "-H", `Host: ${other}`],
  });
  expect(twoHosts.status).toBe(400);
  expect(origin.seen).toEqual([]);
});

test("two spellings of one target are one object", async () => {
  await ask(edge, { path: "/%7euser/%e4" });
  expect((await ask(edge, { path: "/~user/%E4" })).headers["x-cache"]).toBe("HIT");
  expect(origin.seen.map(({ url }) => url)).toEqual(["/~user/%E4"]);
});

test("a GET with a body is not cached", async () => {
  for (let turn = 1; turn <= 2; turn += 1) {
    const answer = await ask(edge, { path: "/fat-get", curl: ["-X", "GET", "--data-raw", "x=1"] });
    expect(answer.headers["x-cache"]).toBe("BYPASS");
  }
  expect(origin.seen.map(({ body }) => body)).toEqual(["x=1", "x=1"]);
});

test("a request that goes in a circle ends with 508", async () => {
  await ask(edge, { path: "/loop" });
  const own = origin.seen[0]?.headers["cdn-loop"];
  const answer = await ask(edge, { path: "/loop-again", headers: [`CDN-Loop: other; a=1, ${String(own)}`] });
  expect(answer.status).toBe(508);
  expect((await ask(edge, { path: "/no-loop", headers: ["CDN-Loop: other, edgewright-00000000"] })).status).toBe(200);
});

test("an expired answer is asked about, and a 304 makes it fresh with its new header lines", async () => {
  let turn = 0;
  origin.handle((request, response) => {
    turn += 1;
    const headers = { etag: '"v1"', "cache-control": turn === 1 ? "max-age=0" : "max-age=60", "x-turn": `${turn}` };
    if (request.headers["if-none-match"] === '"v1"') response.writeHead(304, headers).end();
    else response.writeHead(200, headers).end("body");
  });
  const answers = [];
  for (let asked = 1; asked <= 3; asked += 1) answers.push(await ask(edge, { path: "/asked" }));
  expect(answers.map(({ headers }) => headers["x-cache"])).toEqual(["MISS", "REVALIDATED", "HIT"]);
  expect(answers.map(({ headers }) => headers["x-turn"])).toEqual(["1", "2", "2"]);
  expect(answers.map(({ headers }) => headers["cache-control"])).toEqual(["max-age=0", "max-age=60", "max-age=60"]);
  expect(answers.map(({ body }) => body)).toEqual(["body", "body", "body"]);
});

test("lines that are written one by one count together", async () => {
  for (const [path, lines, kept] of [
    ["/lines-private", { "cache-control": ["max-age=60", "private"], vary: ["Accept"] }, "MISS"],
    ["/lines-varied", { "cache-control": ["max-age=60"], vary: ["Accept", "*"] }, "MISS"],
    ["/lines-shared", { "cache-control": ["max-age=0", "s-maxage=60"], vary: ["Accept"] }, "HIT"],
  ] as const) {
    origin.handle((_, response) => {
      for (const [name, values] of Object.entries(lines)) response.setHeader(name, [...values]);
      response.end();
    });
    await ask(edge, { path });
    expect((await ask(edge, { path })).headers["x-cache"], path).toBe(kept);
  }
});

test("a cookie that comes with a 304 is nobody else's", async () => {
  origin.handle((request, response) => {
    if (request.headers["if-none-match"] === undefined) {
      response.writeHead(200, { etag: '"v1"', "cache-control": "max-age=0" }).end("body");
    } else {
      response.writeHead(304, { etag: '"v1"', "cache-control": "max-age=60", "set-cookie": "session=1" }).end();
    }
  });
  for (const path of ["/304", "/304", "/304"]) await ask(edge, { path });
  const { headers } = await ask(edge, { path: "/304" });
  expect(headers["x-cache"]).toBe("HIT");
  expect(headers).not.toHaveProperty("set-cookie");
});

test("a stale copy is served while a fresh one is fetched, where the answer allows", async () => {
  // Already older than its freshness when it arrives.
  const headers = { "cache-control": "max-age=60, stale-while-revalidate=600", age: "100" };
  origin.handle((_, response) => response.writeHead(200, headers).end("old"));
  await ask(edge, { path: "/swr" });
  origin.handle((_, response) => response.writeHead(200, { "cache-control": "max-age=60" }).end("new"));
  const stale = await ask(edge, { path: "/swr" });
  expect([stale.body, stale.headers["x-cache"]]).toEqual(["old", "STALE"]);
  expect(Number(stale.headers.age)).toBeGreaterThanOrEqual(100);
  await expect.poll(async () => (await ask(edge, { path: "/swr" })).body).toBe("new");
});

test("an origin that fails is covered by a stale copy, where the answer allows", async () => {
  origin.handle((_, response) =>
    response.writeHead(200, { "cache-control": "max-age=0, stale-if-error=60", etag: '"a"' }).end("good"),
  );
  await ask(edge, { path: "/shaky" });
  origin.handle((_, response) => response.writeHead(503).end("bad"));
  const answer = await ask(edge, { path: "/shaky" });
  expect([answer.status, answer.body, answer.headers["x-cache"]]).toEqual([200, "good", "STALE"]);
  expect((await ask(edge, { path: "/shaky-unknown" })).status).toBe(503);
});

test("an error of the origin comes through with its own page", async () => {
  origin.handle((_, response) =>
    response.writeHead(500, { "content-type": "text/plain" }).end("the origin's own words"),
  );
  const answer = await ask(edge, { path: "/broken" });
  expect([answer.status, answer.body]).toEqual([500, "the origin's own words"]);
});

test("an origin's 103 is no hang", async () => {
  origin.handle((_, response) => {
    response.writeEarlyHints({ link: "</a.css>; rel=preload" });
    response.end("late");
  });
  expect([200, 502]).toContain((await ask(edge, { path: "/hints" })).status);
});

test("large response headers and bodies come through both hops", async () => {
  const body = "0123456789".repeat(200_000);
  origin.handle((_, response) =>
    response.writeHead(200, { "x-large": "h".repeat(12_000), "cache-control": "max-age=60" }).end(body),
  );
  const first = await ask(edge, { path: "/large" });
  const second = await ask(edge, { path: "/large" });
  expect([first.body.length, second.body.length, second.headers["x-cache"]]).toEqual([body.length, body.length, "HIT"]);
  expect(second.headers["x-large"]).toHaveLength(12_000);
});

describe("of several servers", () => {
  const serve = async (hosts: string[], origins: ReturnType<typeof anOrigin>[]) => {
    const { body } = await edge.apply([feed.put(aDistribution({ hosts, origins }))]);
    expect(body).toMatchObject({ refused: [] });
  };

  test("the next is asked when the first cannot be reached, with the Host that it wants", async () => {
    await edge.pin({ "dead.test:1": ["127.0.0.1"], [`second.test:${origin.port}`]: ["127.0.0.1"] });
    await serve(
      ["failover.test"],
      [
        anOrigin({ host: "dead.test", port: 1, hostHeader: "dead.test" }),
        anOrigin({ host: "second.test", port: origin.port, hostHeader: "second.test", primary: false }),
      ],
    );
    expect((await ask(edge, { host: "failover.test", path: "/f" })).status).toBe(200);
    // Never sent to the dead one, so that it may be sent again.
    expect((await ask(edge, { host: "failover.test", path: "/f", curl: ["--data-raw", "a=1"] })).status).toBe(200);
    expect(origin.seen.map(({ headers, body }) => [headers.host, body])).toEqual([
      ["second.test", ""],
      ["second.test", "a=1"],
    ]);
  });

  test("none has an address: 502, not a guess", async () => {
    await serve(["nowhere.test"], [anOrigin({ host: "nowhere-origin.test" })]);
    const answer = await ask(edge, { host: "nowhere.test", path: "/" });
    expect(answer.status).toBe(502);
    expect(answer.body).toContain(answer.headers["x-request-id"]);
  });
});
