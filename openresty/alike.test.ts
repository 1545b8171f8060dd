// A request that fits a variant of another one's words, on the newest nginx and on the oldest. What fits is told in tables
// in conformance-selection.test.ts; here is what becomes of the request itself.
import { EventEmitter, once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Herd, openHerd } from "./test-herd.ts";
import { NGINXES } from "./test-nginxes.ts";
import { answering, startTestSites, type TestSites } from "./test-site.ts";

const KEPT = { "cache-control": "max-age=3600", vary: "X-Kind" };

describe.each(NGINXES)("%s", (_, nginx) => {
  let sites: TestSites;
  let herd: Herd;

  beforeAll(async () => {
    sites = await startTestSites({ nginx: await nginx() });
    herd = openHerd(sites);
  });

  afterAll(async () => {
    await herd?.end();
    await sites?.stop();
  });

  const kindsSeen = () => sites.origin.seen.map(({ headers }) => headers["x-kind"]);

  test("it is a hit like any other, also for many at once", async () => {
    const site = await sites.serve({ cacheRules: [] });
    sites.origin.handle(answering(KEPT));
    await herd.get(site, "/a", { headers: { "x-kind": "1,2" } });
    sites.origin.seen.length = 0;
    const answers = await herd.all(site, "/a", 50, (index) => ({
      headers: { "x-kind": `1,${" ".repeat(index + 1)}2` },
    }));
    expect(new Set(answers.map(({ headers }) => headers["x-cache"]))).toEqual(new Set(["HIT"]));
    expect(answers[0]?.headers["cache-status"]).toMatch(/^edgewright; hit; ttl=\d+$/);
    expect(answers[0]?.headers).not.toHaveProperty("x-edge-alike");
    expect(sites.origin.seen).toEqual([]);
  });

  test("who comes while the answer is on its way waits for it, whatever its words", async () => {
    const site = await sites.serve({ cacheRules: [] });
    const gate = new EventEmitter();
    const [begun, released] = [once(gate, "begun"), once(gate, "release")];
    sites.origin.handle(({ url }, response) => {
      if (url === "/b") {
        response.end();
        return;
      }
      response.writeHead(200, { ...KEPT, "content-length": "4" });
      response.write("ha", () => gate.emit("begun"));
      released.then(
        () => response.end("lf"),
        () => response.destroy(),
      );
    });
    sites.origin.seen.length = 0;
    const asked = (kind: string) => ({ headers: { "x-kind": kind } });
    const first = herd.get(site, "/a", asked("1,2"));
    await begun;
    const others = herd.all(site, "/a", 20, (index) => asked(`1,${" ".repeat(index + 1)}2`));
    // A round trip behind theirs: most of them have come by then.
    await herd.get(site, "/b");
    gate.emit("release");
    expect((await Promise.all([first, others])).flat().map(({ body }) => body)).toEqual(Array(21).fill("half"));
    expect(sites.origin.seen.map(({ url, headers }) => [url, headers["x-kind"]])).toEqual([
      ["/a", "1,2"],
      ["/b", undefined],
    ]);
  });

  test("the origin is asked in the viewer's own words when the other answer is not there", async () => {
    const site = await sites.serve({ cacheRules: [] });
    sites.origin.handle((__, response) => {
      response.writeHead(200, { ...KEPT, "content-length": "100" });
      response.write("half", () => response.destroy());
    });
    await expect(herd.get(site, "/a", { headers: { "x-kind": "1,2" } })).rejects.toThrow();
    sites.origin.handle(answering(KEPT));
    sites.origin.seen.length = 0;
    const ask = (kind: string) => herd.get(site, "/a", { headers: { "x-kind": kind } });
    expect((await ask("1, 2")).headers["x-cache"]).toBe("MISS");
    expect(kindsSeen()).toEqual(["1, 2"]);
    for (const kind of ["1, 2", "1,2"]) expect((await ask(kind)).headers["x-cache"]).toBe("HIT");
  });

  test("nobody else's words are let in by a header of a viewer or of an origin", async () => {
    const site = await sites.serve({ cacheRules: [] });
    const words = `x-kind:${Buffer.from("other").toString("base64")} `;
    sites.origin.handle(answering({ ...KEPT, "x-edge-alike": words, "x-accel-redirect": "@alike" }));
    const first = await herd.get(site, "/a", { headers: { "x-kind": "own", "x-edge-alike": words } });
    expect([first.status, first.headers["x-edge-alike"], first.headers["x-cache"]]).toEqual([200, undefined, "MISS"]);
    expect((await herd.get(site, "/a", { headers: { "x-kind": "other" } })).headers["x-cache"]).toBe("MISS");
  });
});
