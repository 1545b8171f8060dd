// Paths that lead elsewhere, and distributions that are switched off.
import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CHALLENGE_PATH } from "../agents/contract.ts";
import { startTestSites, type TestSites } from "./test-site.ts";
import { ask } from "./test-viewer.ts";

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

describe("a redirect", () => {
  test("leads where it says, by its status and its first match, and asks no origin", async () => {
    const site = await sites.serve({
      redirects: [
        { source: "/old", target: "/new", status: 301, isQueryKept: true },
        { source: "/old*", target: "https://other.test:8443/:splat?a=1#top", status: 308, isQueryKept: true },
        { source: "/moved/*", target: "/:splat", status: 302, isQueryKept: false },
      ],
    });
    for (const [path, status, location] of [
      ["/old?b=2", 301, "/new?b=2"],
      ["/old/%7Ea?b=2", 308, "https://other.test:8443//~a?a=1&b=2#top"],
      ["/moved/x?b=2", 302, "/x"],
      ["/moved//evil.test", 302, "/evil.test"],
    ] as const) {
      for (const curl of [[], ["--data-raw", "a=1"]]) {
        const answer = await site.ask(path, { curl });
        expect([answer.status, answer.headers.location], path).toEqual([status, location]);
        expect(answer.headers["x-request-id"]).toMatch(/^[0-9a-f]{32}$/);
      }
    }
    expect(sites.origin.seen).toEqual([]);
    expect((await site.ask("/other")).status).toBe(200);
  });

  test("comes after HTTPS", async () => {
    const site = await sites.serve({
      redirectHttpToHttps: true,
      redirects: [{ source: "/old", target: "/new", status: 301, isQueryKept: false }],
    });
    expect((await site.ask("/old")).headers.location).toBe(`https://${site.host}:${sites.edge.httpsPort}/old`);
    expect((await site.ask("/old", { https: true })).headers.location).toBe("/new");
  });
});

describe("from HTTP to HTTPS", () => {
  test("the way leads to the edge's own port, with the target as it is, whatever port the viewer named", async () => {
    const site = await sites.serve({ redirectHttpToHttps: true });
    const port = sites.edge.httpsPort;
    for (const [path, headers] of [
      ["/a?b=1", []],
      ["/%7Ea//b?c=%20", []],
      ["/", [`Host: ${site.host}:8080`]],
      ["/", ["X-Forwarded-Proto: https", "X-Forwarded-Port: 443"]],
    ] as const) {
      const { status, headers: said } = await site.ask(path, { headers });
      expect([status, said.location]).toEqual([301, `https://${site.host}:${port}${path.replace("%7E", "~")}`]);
    }
    expect(sites.origin.seen).toEqual([]);
  });

  test("a form stays one", async () => {
    const site = await sites.serve({ redirectHttpToHttps: true });
    const answer = await site.ask("/form", { curl: ["--data-raw", "a=1"] });
    expect([answer.status, answer.headers.location]).toEqual([
      308,
      `https://${site.host}:${sites.edge.httpsPort}/form`,
    ]);
    expect((await site.ask("/", { curl: ["--head"] })).status).toBe(301);
  });

  test.each(["1.1", "2", "3"] as const)("where the way leads, HTTP/%s is spoken", async (version) => {
    const site = await sites.serve({ redirectHttpToHttps: true });
    const location = new URL((await site.ask("/followed?a=1")).headers.location ?? "");
    const httpsPort = Number(location.port);
    const path = `${location.pathname}${location.search}`;
    const answer = await ask({ ...sites.edge, httpsPort }, { host: location.hostname, path, version, https: true });
    expect([answer.status, answer.version, answer.body]).toEqual([200, version, `GET ${path}`]);
  });

  test("a challenge is answered before it", async () => {
    const site = await sites.serve({ redirectHttpToHttps: true });
    const body = JSON.stringify({ format: 1, token: "before", key_authorization: "before.thumb" });
    await sites.edge.apply([sites.feed.putBody(randomUUID(), body, "challenge")]);
    expect((await site.ask(`${CHALLENGE_PATH}before`)).body).toBe("before.thumb");
    expect((await site.ask(`${CHALLENGE_PATH}other`)).status).toBe(301);
  });

  test("no port is named where it is the usual one", async () => {
    const site = await sites.serve({ redirectHttpToHttps: true });
    const path = join(sites.edge.home, "current", "outer.conf");
    const conf = await readFile(path, "utf8");
    expect(conf).toContain(`set $edge_https_port ${sites.edge.httpsPort};`);
    await writeFile(path, conf.replace(/set \$edge_https_port \d+;/, "set $edge_https_port 443;"));
    await sites.edge.reload();
    try {
      expect((await site.ask("/a?b=1")).headers.location).toBe(`https://${site.host}/a?b=1`);
    } finally {
      await writeFile(path, conf);
      await sites.edge.reload();
    }
  });
});

describe("a distribution that is switched off", () => {
  test("answers 503 with a page of its own, and its origin hears nothing", async () => {
    const site = await sites.serve();
    expect((await site.ask("/a")).status).toBe(200);
    await site.change({ isDisabled: true });
    sites.origin.seen.length = 0;
    for (const path of ["/a", "/a/../b"]) {
      const answer = await site.ask(path);
      expect(answer.status).toBe(503);
      expect(answer.body).toContain(answer.headers["x-request-id"]);
    }
    expect((await site.ask("/a", { curl: ["--data-raw", "a=1"] })).status).toBe(503);
    expect(sites.origin.seen).toEqual([]);
    await site.change({});
    expect((await site.ask("/a")).status).toBe(200);
  });

  test("says why, where its account is over its quota", async () => {
    const site = await sites.serve();
    const words = "over its quota";
    await site.change({ isDisabled: true });
    expect((await site.ask("/a")).body).not.toContain(words);
    await site.change({ isDisabled: true, isOverQuota: true });
    const { status, body, headers } = await site.ask("/a");
    expect([status, headers["cache-control"]]).toEqual([503, "no-store"]);
    expect(body).toContain(words);
    expect(body).toContain(headers["x-request-id"]);
  });
});
