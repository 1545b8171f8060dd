// Paths that lead elsewhere, and distributions that are switched off.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTestSites, type TestSites } from "./test-site.ts";

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
});
