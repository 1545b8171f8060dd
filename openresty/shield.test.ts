// The origin shield, between real edges: what a child lacks comes from an edge of the parent group, and everything is
// done once: at the child what concerns the viewer, at the parent what concerns the origin.
import { randomBytes, randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { request } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { exampleCacheRule } from "../edge-templates/test-examples.ts";
import type { SeenRequest } from "./test-origin.ts";
import { edgeAt, type ShieldEdge, type ShieldSite, startTestShield, type TestShield } from "./test-shield.ts";
import { answering } from "./test-site.ts";
import type { Answer } from "./test-viewer.ts";

let shield: TestShield;
let one: ShieldEdge;
let other: ShieldEdge;
let parent: ShieldEdge;

beforeAll(async () => {
  shield = await startTestShield({ parents: 1, children: 2 });
  [one, other] = [edgeAt(shield.children, 0), edgeAt(shield.children, 1)];
  parent = edgeAt(shield.parents, 0);
});
afterAll(() => shield?.stop());
beforeEach(() => {
  shield.origin.seen.length = 0;
  shield.origin.handle(answering({ "cache-control": "max-age=60" }));
});

function linesOf({ lines }: Answer, name: string): string[] {
  return lines.filter((line) => line.toLowerCase().startsWith(`${name}:`)).map((line) => line.slice(name.length + 2));
}

const THROUGH_BOTH = ["edgewright-parent; fwd=miss", "edgewright; fwd=miss"];
const FROM_THE_PARENT = ["edgewright-parent; hit", "edgewright; fwd=miss"];
/** Where it came from; for how long it is kept is told elsewhere. */
const cacheStatus = (answer: Answer) =>
  linesOf(answer, "cache-status").map((line) => line.replace(/; stored|; ttl=-?\d+/g, ""));

describe("a miss of a child", () => {
  test("goes to the parent, so that the origin is asked once for all children", async () => {
    const site = await shield.serve();
    expect(cacheStatus(await site.ask(one, "/a"))).toEqual(THROUGH_BOTH);
    expect(cacheStatus(await site.ask(other, "/a"))).toEqual(FROM_THE_PARENT);
    expect((await site.ask(one, "/a")).headers["x-cache"]).toBe("HIT");
    expect(shield.origin.seen).toHaveLength(1);
  });

  test("of a herd over two children is one request to the origin", async () => {
    const site = await shield.serve();
    shield.origin.handle((_, response) => {
      setTimeout(() => response.writeHead(200, { "cache-control": "max-age=60" }).end("herd"), 300);
    });
    const answers = await Promise.all(
      [one, other].flatMap((child) => Array.from({ length: 50 }, () => fetched(child, site, "/herd"))),
    );
    expect(answers.map(({ status, body }) => [status, body.toString()])).toEqual(answers.map(() => [200, "herd"]));
    expect(shield.origin.seen).toHaveLength(1);
  });

  test("asks for the viewer in the viewer's name, and tells the origin no more than without a parent", async () => {
    const headerRules = [
      { paths: [], phase: "request", action: "add", name: "x-added", value: "once" },
      { paths: [], phase: "response", action: "add", name: "x-said", value: "once" },
    ] as const;
    const site = await shield.serve({ headerRules });
    const answer = await site.ask(one, "/who?q=1", { headers: ["X-Forwarded-For: 203.0.113.9", "Cookie: a=b"] });
    const [seen] = shield.origin.seen;
    expect(seen).toMatchObject({
      url: "/who?q=1",
      headers: {
        host: "origin.test",
        "x-added": "once",
        cookie: "a=b",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-host": site.host,
        "x-forwarded-proto": "http",
        "x-request-id": answer.headers["x-request-id"],
      },
    });
    expect(Object.keys(seen?.headers ?? {}).filter((name) => name.startsWith("x-edge"))).toEqual([]);
    expect(seen?.headers["cdn-loop"]?.toString().split(", ")).toHaveLength(2);
    expect(linesOf(answer, "x-said")).toEqual(["once"]);
    expect(answer.lines.filter((line) => /^x-edge-/i.test(line))).toEqual([]);
  });

  test("of http and https are two things to the parent, too", async () => {
    const site = await shield.serve();
    await site.ask(one, "/scheme");
    await site.ask(one, "/scheme", { https: true });
    expect(shield.origin.seen.map(({ headers }) => headers["x-forwarded-proto"])).toEqual(["http", "https"]);
    expect(cacheStatus(await site.ask(other, "/scheme", { https: true }))).toEqual(FROM_THE_PARENT);
  });

  test("by HEAD fills both caches with the whole", async () => {
    const site = await shield.serve();
    expect((await site.ask(one, "/head", { curl: ["--head"] })).status).toBe(200);
    expect((await site.ask(other, "/head")).body).toBe("GET /head");
    expect(shield.origin.seen.map(({ method }) => method)).toEqual(["GET"]);
  });

  test("by what Vary names is kept apart in both", async () => {
    const site = await shield.serve();
    shield.origin.handle(({ headers }, response) =>
      response.writeHead(200, { "cache-control": "max-age=60", vary: "x-colour" }).end(String(headers["x-colour"])),
    );
    for (const child of [one, other]) {
      for (const colour of ["red", "blue"]) {
        expect((await site.ask(child, "/vary", { headers: [`X-Colour: ${colour}`] })).body).toBe(colour);
      }
    }
    expect(shield.origin.seen).toHaveLength(2);
  });

  test("by what a rule keys by is kept apart in both", async () => {
    const site = await shield.serve({
      cacheRules: [{ ...exampleCacheRule, cookies: ["tier"], query: { mode: "include", names: ["page"] } }],
    });
    for (const child of [one, other]) {
      for (const tier of ["gold", "tin"])
        await site.ask(child, "/key?page=2&utm=x", { headers: [`Cookie: tier=${tier}`] });
    }
    expect(shield.origin.seen.map(({ url }) => url)).toEqual(["/key?page=2", "/key?page=2"]);
  });
});

describe("what goes by no parent", () => {
  test("is what is not cached: other methods, and paths that bypass the cache", async () => {
    const site = await shield.serve({ cacheRules: [{ ...exampleCacheRule, paths: ["/live/*"], mode: "bypass" }] });
    await site.ask(one, "/form", { curl: ["--data-raw", "x=1"] });
    await site.ask(one, "/live/now");
    expect(shield.origin.seen.map(({ headers }) => headers["cdn-loop"]?.toString().split(", ").length)).toEqual([1, 1]);
  });

  test("is a distribution that the parent does not hold", async () => {
    const site = await shield.serve({}, [one]);
    const answer = await site.ask(one, "/not-there");
    expect([answer.status, cacheStatus(answer)]).toEqual([200, ["edgewright; fwd=miss"]]);
    expect(shield.origin.seen).toHaveLength(1);
  });
});

describe("freshness", () => {
  test("is what the origin said, counted from when the origin said it", async () => {
    const site = await shield.serve();
    shield.origin.handle(
      answering({ "cache-control": "public, max-age=60, s-maxage=100", age: "40", etag: '"1"', "x-other": "kept" }),
    );
    await site.ask(one, "/age");
    const answer = await site.ask(other, "/age");
    expect(answer.headers).toMatchObject({
      "cache-control": "public, max-age=60, s-maxage=100",
      etag: '"1"',
      "x-other": "kept",
      "x-cache": "MISS",
    });
    expect(Number(answer.headers.age)).toBeGreaterThanOrEqual(40);
    expect((await site.ask(other, "/age")).headers["x-cache"]).toBe("HIT");
  });

  test("that has passed is asked about, and a 304 of the parent renews", async () => {
    const site = await shield.serve();
    shield.origin.handle(({ headers }, response) => {
      const words = { "cache-control": "no-cache", etag: '"1"' };
      if (headers["if-none-match"] === '"1"') return response.writeHead(304, words).end();
      return response.writeHead(200, words).end("body");
    });
    for (const child of [one, one, other]) expect((await site.ask(child, "/asked")).body).toBe("body");
    expect(shield.origin.seen.map(({ headers }) => headers["if-none-match"])).toEqual([undefined, '"1"', '"1"']);
  });

  test("of what is one viewer's is nobody else's, and cookies reach the viewer who asked", async () => {
    const site = await shield.serve();
    shield.origin.handle(answering({ "cache-control": "max-age=60", "set-cookie": "s=1" }));
    expect((await site.ask(one, "/cookie")).headers["set-cookie"]).toBe("s=1");
    expect((await site.ask(other, "/cookie")).headers["set-cookie"]).toBeUndefined();
    shield.origin.handle(answering({ "cache-control": "private, max-age=60" }));
    for (const child of [one, one, other]) await site.ask(child, "/private");
    shield.origin.handle(answering({ "cache-control": "max-age=60" }));
    for (const child of [one, one, other]) await site.ask(child, "/secret", { headers: ["Authorization: Basic eDp5"] });
    const counted = (path: string) => shield.origin.seen.filter(({ url }) => url === path).length;
    expect([counted("/cookie"), counted("/private"), counted("/secret")]).toEqual([1, 3, 3]);
  });

  test("of credentials that a rule writes is everybody's", async () => {
    const site = await shield.serve({
      headerRules: [{ paths: [], phase: "request", action: "set", name: "authorization", value: "Basic b3du" }],
    });
    for (const child of [one, other, one]) await site.ask(child, "/own", { headers: ["Authorization: Basic eDp5"] });
    expect(shield.origin.seen.map(({ headers }) => headers.authorization)).toEqual(["Basic b3du"]);
  });
});

describe("a large file", () => {
  const SLICE = 1024 * 1024;
  const file = randomBytes(3 * SLICE + 1000);

  test("comes slice by slice through both, and each slice is asked of the origin once", async () => {
    shield.origin.handle((asked, response) => serveFile(file, asked, response));
    const site = await shield.serve({ cacheRules: [{ ...exampleCacheRule, isSliced: true, ttlSeconds: 600 }] });
    const last = await fetched(one, site, "/film.mp4", { range: `bytes=${3 * SLICE + 10}-${3 * SLICE + 19}` });
    expect([last.status, last.body]).toEqual([206, file.subarray(3 * SLICE + 10, 3 * SLICE + 20)]);
    for (const child of [one, other]) {
      const whole = await fetched(child, site, "/film.mp4");
      expect([whole.status, whole.body.equals(file)]).toEqual([200, true]);
    }
    const ranges = shield.origin.seen.map(({ headers }) => headers.range);
    expect(new Set(ranges).size).toBe(ranges.length);
    expect(ranges).toHaveLength(4);
  });
});

describe("a purge", () => {
  test("that has reached the child alone lets no old answer come back from the parent", async () => {
    const site = await shield.serve();
    let version = "old";
    shield.origin.handle((_, response) => response.writeHead(200, { "cache-control": "max-age=600" }).end(version));
    for (const child of [one, other]) expect((await site.ask(child, "/page")).body).toBe("old");
    version = "new";
    const purge = { format: 1, distribution: site.distribution.id, epoch: Date.now(), urls: ["/page"] };
    await one.record(randomUUID(), JSON.stringify(purge), "purge");
    expect((await site.ask(one, "/page")).body).toBe("new");
    expect((await site.ask(one, "/page")).headers["x-cache"]).toBe("HIT");
    // Whoever was not told yet is no worse off than before.
    expect((await site.ask(other, "/page")).body).toBe("old");
    expect(shield.origin.seen).toHaveLength(2);
    // What the parent fetched for the purged child is what it has for everybody once it knows itself.
    for (const late of [parent, other]) await late.record(randomUUID(), JSON.stringify(purge), "purge");
    expect((await site.ask(other, "/page")).body).toBe("new");
    expect(shield.origin.seen).toHaveLength(2);
  });
});

describe("a purge of a tag", () => {
  test("that has reached the child alone lets no old answer come back from the parent", async () => {
    const site = await shield.serve();
    let version = "old";
    shield.origin.handle((_, response) =>
      response.writeHead(200, { "cache-control": "max-age=600", "cache-tag": "news, sports" }).end(version),
    );
    for (const child of [one, other]) {
      const answer = await site.ask(child, "/tagged");
      expect([answer.body, answer.headers["cache-tag"]]).toEqual(["old", undefined]);
    }
    version = "new";
    // The other child has the tags from the parent's cache.
    const purge = { format: 1, distribution: site.distribution.id, epoch: Date.now(), tags: ["sports"] };
    await other.record(randomUUID(), JSON.stringify(purge), "purge");
    expect((await site.ask(other, "/tagged")).body).toBe("new");
    expect((await site.ask(one, "/tagged")).body).toBe("old");
    expect(shield.origin.seen).toHaveLength(2);
  });
});

describe("what a viewer has changed", () => {
  test("is asked for anew, through the parent, too (RFC 9111 § 4.4)", async () => {
    const site = await shield.serve();
    let version = "old";
    shield.origin.handle((_, response) => response.writeHead(200, { "cache-control": "max-age=600" }).end(version));
    expect((await site.ask(one, "/guests")).body).toBe("old");
    version = "new";
    await site.ask(one, "/guests", { curl: ["--data-raw", "name=x"] });
    expect((await site.ask(one, "/guests")).body).toBe("new");
    expect((await site.ask(one, "/guests")).headers["x-cache"]).toBe("HIT");
  });
});

describe("a loop", () => {
  test("through an origin that leads back ends with 508", async () => {
    const site = await shield.serve();
    async function leadBack({ url, headers }: SeenRequest, response: ServerResponse): Promise<void> {
      const asked = { host: site.host, "cdn-loop": String(headers["cdn-loop"]) };
      const reply = await request(`http://${parent.address}:${parent.edge.httpPort}${url}`, { headers: asked });
      response.writeHead(reply.statusCode).end(await reply.body.text());
    }
    shield.origin.handle((asked, response) => {
      leadBack(asked, response).catch(() => response.destroy());
    });
    expect((await site.ask(one, "/circle")).status).toBe(508);
    expect(shield.origin.seen).toHaveLength(1);
  });
});

describe("the access log", () => {
  test("has a viewer's request once, where it was answered", async () => {
    const site = await shield.serve();
    await site.ask(one, "/logged-once");
    // The parent's own viewers are logged: once this line is there, an earlier one would be, too.
    await request(`http://${parent.address}:${parent.edge.httpPort}/its-own`, { headers: { host: site.host } });
    const lines = await parent.logLines("/its-own");
    expect(lines.filter(({ path }) => path === "/logged-once")).toEqual([]);
  });
});

async function fetched({ edge }: ShieldEdge, { host }: ShieldSite, path: string, headers: Record<string, string> = {}) {
  const reply = await request(`http://127.0.0.1:${edge.httpPort}${path}`, { headers: { host, ...headers } });
  return { status: reply.statusCode, body: Buffer.from(await reply.body.arrayBuffer()) };
}

function serveFile(file: Buffer, asked: SeenRequest, response: ServerResponse) {
  const headers = { "cache-control": "max-age=600", etag: '"film"' };
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(asked.headers.range ?? "") ?? [];
  if (first === undefined) return response.writeHead(200, headers).end(file);
  const part = file.subarray(Number(first), Number(last) + 1);
  const range = `bytes ${first}-${Number(first) + part.length - 1}/${file.length}`;
  return response.writeHead(206, { ...headers, "content-range": range }).end(part);
}
