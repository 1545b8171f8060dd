// What an edge holds: pushed through the control socket, loaded from the disk, kept over reloads, and doubted where it
// is damaged. Nothing else runs than nginx.
import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { frame } from "../agents/contract.ts";
import { type EdgeState, startTestEdge, type TestEdge } from "./test-edge.ts";
import { aDistribution, anOrigin, createTestFeed } from "./test-feed.ts";
import { startTestOrigin, type TestOrigin } from "./test-origin.ts";
import { ask } from "./test-viewer.ts";

const started: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.stop()));
});

async function startEdge(state: EdgeState, workers = 1): Promise<TestEdge> {
  const edge = await startTestEdge({ state, workers });
  started.push(edge);
  return edge;
}

async function startOrigin(): Promise<TestOrigin> {
  const origin = await startTestOrigin();
  started.push(origin);
  return origin;
}

const named = (host: string) => aDistribution({ hosts: [host] });

/** Which revision the real listener serves for a host: undefined for none. */
async function probe(edge: TestEdge, host: string): Promise<number | undefined> {
  const { probe_secret } = await edge.state();
  const { status, body } = await ask(edge, { host, path: "/", headers: [`X-Edge-Probe: ${probe_secret}`] });
  return status === 200 ? JSON.parse(body).rev : undefined;
}

describe("the disk", () => {
  test("an edge that starts alone serves its base, its journal and its addresses", async () => {
    const origin = await startOrigin();
    const feed = createTestFeed();
    const both = [
      feed.put(aDistribution({ hosts: ["base.test"], originPort: origin.port })),
      feed.put(named("removed.test")),
    ];
    const base = feed.checkpoint(both);
    const later = feed.put(aDistribution({ hosts: ["journal.test"], originPort: origin.port }));
    const removal = feed.remove(both[1]?.id ?? "");
    const journal = [later, removal].map(frame).join("");
    const edge = await startEdge({
      trust: feed.trust,
      base,
      journal,
      addresses: { [`origin.test:${origin.port}`]: ["127.0.0.1"] },
    });
    expect(await edge.state()).toMatchObject({
      applied: 4,
      documents: 2,
      refused: [],
      feed_id: feed.feedId,
      structure: 1,
    });
    for (const host of ["base.test", "journal.test"]) expect((await ask(edge, { host, path: "/" })).status).toBe(200);
    expect((await ask(edge, { host: "removed.test", path: "/" })).status).toBe(421);
  });

  test("what was cached is still there after a restart", async () => {
    const origin = await startOrigin();
    origin.handle((_, response) => response.setHeader("cache-control", "max-age=60").end("kept"));
    const feed = createTestFeed();
    const base = feed.checkpoint([feed.put(aDistribution({ originPort: origin.port }))]);
    const edge = await startEdge({
      trust: feed.trust,
      base,
      addresses: { [`origin.test:${origin.port}`]: ["127.0.0.1"] },
    });
    await ask(edge, { path: "/" });
    await edge.restart();
    const answer = await ask(edge, { path: "/" });
    expect([answer.headers["x-cache"], answer.body]).toEqual(["HIT", "kept"]);
  });

  test("a body that is not the one that was signed is skipped with its reason, and all others are served", async () => {
    const feed = createTestFeed();
    const records = ["a.test", "b.test", "c.test"].map((host) => feed.put(named(host)));
    const base = feed.checkpoint(records).replace('"hosts":["b.test"]', '"hosts":["x.test"]');
    const edge = await startEdge({ trust: feed.trust, base });
    const { documents, refused } = await edge.state();
    expect(documents).toBe(2);
    expect(refused).toEqual([
      {
        kind: "document",
        id: records[1]?.id,
        rev: 2,
        stage: "verify",
        message: "the body is not the one that was signed",
      },
    ]);
    expect(await Promise.all(["a.test", "b.test", "c.test", "x.test"].map((host) => probe(edge, host)))).toEqual([
      1,
      undefined,
      3,
      undefined,
    ]);
  });

  test("a journal record that another key signed is skipped with its reason", async () => {
    const feed = createTestFeed();
    const stranger = createTestFeed(feed.feedId, feed.scope);
    const good = feed.put(named("good.test"));
    stranger.put(named("skipped-rev.test"));
    const forged = stranger.put(named("forged.test"));
    const edge = await startEdge({ trust: feed.trust, journal: frame(good) + frame(forged) });
    expect(await edge.state()).toMatchObject({
      applied: 1,
      documents: 1,
      refused: [{ id: forged.id, rev: 2, stage: "verify" }],
    });
    expect(await probe(edge, "forged.test")).toBeUndefined();
  });

  test("a torn last record of the journal is skipped with its reason", async () => {
    const feed = createTestFeed();
    const [whole, torn] = [feed.put(named("whole.test")), feed.put(named("torn.test"))];
    const edge = await startEdge({ trust: feed.trust, journal: frame(whole) + frame(torn).slice(0, -30) });
    expect(await edge.state()).toMatchObject({
      applied: 1,
      documents: 1,
      refused: [{ id: torn.id, stage: "verify", message: "the body is torn" }],
    });
  });

  test.each([
    [
      "whose header lines were changed",
      (base: string) => base.replace(/^record document (\S+) 1 /m, "record document $1 9 "),
    ],
    ["that lacks a record", (base: string) => `${base.split("\n").slice(0, -3).join("\n")}\n`],
    [
      "that another key signed",
      (base: string, feedId: string, scope: string) =>
        createTestFeed(feedId, scope).checkpoint([]) + base.split("\n").slice(1).join("\n"),
    ],
    ["of another feed", () => createTestFeed().checkpoint([])],
    ["of rubbish", () => "rubbish\n"],
  ])("a base %s is not loaded at all, but the journal is", async (_, damage) => {
    const feed = createTestFeed();
    const base = feed.checkpoint([feed.put(named("a.test")), feed.put(named("b.test"))]);
    const journal = frame(feed.put(named("journal.test")));
    const edge = await startEdge({ trust: feed.trust, base: damage(base, feed.feedId, feed.scope), journal });
    expect(await edge.state()).toMatchObject({ applied: 3, documents: 1, refused: [] });
    expect(await probe(edge, "a.test")).toBeUndefined();
    expect(await probe(edge, "journal.test")).toBe(3);
    expect(await edge.errorLog()).toContain("state/base is not loaded");
  });

  test("a document that this edge cannot read is refused, its hosts are 503, and the rest is served", async () => {
    const feed = createTestFeed();
    const id = randomUUID();
    const bad = feed.putBody(id, JSON.stringify({ format: 2, id, hosts: ["bad.test"] }));
    const edge = await startEdge({ trust: feed.trust, base: feed.checkpoint([bad, feed.put(named("good.test"))]) });
    expect(await edge.state()).toMatchObject({ applied: 2, documents: 1, refused: [{ id, stage: "push" }] });
    const answer = await ask(edge, { host: "bad.test", path: "/" });
    expect(answer.status).toBe(503);
    expect(answer.body).toContain(answer.headers["x-request-id"]);
    expect(await probe(edge, "good.test")).toBe(2);
  });

  test("an edge without any state starts, and knows nobody", async () => {
    const edge = await startEdge({});
    expect(await edge.state()).toMatchObject({ applied: 0, documents: 0, feed_id: null });
    expect((await ask(edge, { path: "/" })).status).toBe(421);
  });
});

describe("a reload", () => {
  test("keeps what was applied, though the disk knows less", async () => {
    const feed = createTestFeed();
    const edge = await startEdge({ trust: feed.trust, base: feed.checkpoint([feed.put(named("old.test"))]) }, 2);
    await edge.apply([feed.put(named("new.test"))]);
    const before = await edge.state();
    await edge.reload();
    expect(await edge.state()).toEqual(before);
    expect(before).toMatchObject({ applied: 2, documents: 2 });
    expect(await probe(edge, "new.test")).toBe(2);
  });

  test("that changes the size of the memory loads the disk anew", async () => {
    const feed = createTestFeed();
    const edge = await startEdge({ trust: feed.trust, base: feed.checkpoint([feed.put(named("kept.test"))]) });
    await edge.apply([feed.put(named("unpersisted.test"))]);
    const memory = join(edge.home, "structure", "1", "memory.conf");
    const text = await readFile(memory, "utf8");
    await writeFile(
      memory,
      text.replace(/(documents|pointers|hosts) (\d+)k/g, (_, name, size) => `${name} ${Number(size) + 512}k`),
    );
    await edge.reload();
    expect(await edge.state()).toMatchObject({ applied: 1, documents: 1 });
    expect(await probe(edge, "kept.test")).toBe(1);
  });

  test("a restart loads the disk anew and is another boot", async () => {
    const feed = createTestFeed();
    const edge = await startEdge({ trust: feed.trust, base: feed.checkpoint([feed.put(named("old.test"))]) });
    await edge.apply([feed.put(named("new.test"))]);
    const before = await edge.state();
    await edge.restart();
    const after = await edge.state();
    expect(after).toMatchObject({ applied: 1, documents: 1 });
    expect(after.boot_id).not.toBe(before.boot_id);
    expect(after.probe_secret).not.toBe(before.probe_secret);
  });
});

describe("the control socket", () => {
  test("a pushed document is served by every worker at once, and its update too", async () => {
    const feed = createTestFeed();
    const edge = await startEdge({ trust: feed.trust }, 2);
    const distribution = named("pushed.test");
    const put = await edge.apply([feed.put(distribution)]);
    expect(put).toEqual({ status: 200, body: { applied: 1, refused: [] } });
    for (let turn = 1; turn <= 6; turn += 1) expect(await probe(edge, "pushed.test")).toBe(1);
    await edge.apply([feed.put({ ...distribution, hosts: ["renamed.test"] })]);
    for (let turn = 1; turn <= 6; turn += 1) expect(await probe(edge, "renamed.test")).toBe(2);
    expect((await ask(edge, { host: "pushed.test", path: "/" })).status).toBe(421);
  });

  test("a bad record is refused alone, keeps its last good version, and is good again when mended", async () => {
    const feed = createTestFeed();
    const edge = await startEdge({ trust: feed.trust });
    const distribution = named("mended.test");
    await edge.apply([feed.put(distribution)]);
    const bad = feed.putBody(distribution.id, "{}");
    const tampered = { ...feed.put(named("tampered.test")), hash: "0".repeat(64) };
    const { body } = await edge.apply([bad, tampered, feed.put(named("other.test"))]);
    expect(body).toMatchObject({
      applied: 4,
      refused: [
        { kind: "document", id: bad.id, rev: 2, stage: "push", message: "not of a format that this edge knows" },
        { id: tampered.id, rev: 3, stage: "push", message: "the body is not the one that was signed" },
      ],
    });
    expect(await Promise.all(["mended.test", "other.test"].map((host) => probe(edge, host)))).toEqual([1, 4]);
    expect((await edge.state()).refused).toHaveLength(2);
    await edge.apply([feed.put(distribution)]);
    expect((await edge.state()).refused.map(({ id }) => id)).toEqual([tampered.id]);
  });

  test("a host may move from one distribution to another within one push, whatever the order", async () => {
    const feed = createTestFeed();
    const edge = await startEdge({ trust: feed.trust });
    const [one, other] = [named("moving.test"), named("staying.test")];
    await edge.apply([feed.put(one), feed.put(other)]);
    const taking = feed.put({ ...other, hosts: ["staying.test", "moving.test"] });
    const { body } = await edge.apply([taking, feed.put({ ...one, hosts: ["left.test"] })]);
    expect(body).toMatchObject({ refused: [] });
    expect(await probe(edge, "moving.test")).toBe(3);
    const stealing = feed.put({ ...one, hosts: ["staying.test"] });
    expect((await edge.apply([stealing])).body).toMatchObject({
      refused: [{ id: one.id, message: expect.stringContaining("staying.test") }],
    });
  });

  test("damaged bytes change nothing more and are answered with 400", async () => {
    const feed = createTestFeed();
    const edge = await startEdge({ trust: feed.trust });
    const reply = await edge.control("POST", "/apply", "rubbish\n", { "x-edge-applied": "9" });
    expect(reply.status).toBe(400);
    expect((await edge.control("POST", "/apply", "")).status).toBe(400);
    expect((await edge.state()).applied).toBe(0);
  });

  test("a feed that was restored may use lower revisions", async () => {
    const [feed, restored] = [createTestFeed(), createTestFeed()];
    const edge = await startEdge({ trust: feed.trust });
    const distribution = named("restored.test");
    feed.remove(randomUUID());
    await edge.apply([feed.put(distribution)], { feedId: feed.feedId });
    await edge.apply([restored.put(distribution)], { feedId: restored.feedId });
    expect(await probe(edge, "restored.test")).toBe(1);
    expect((await edge.state()).feed_id).toBe(restored.feedId);
  });

  test("shows the document that it serves", async () => {
    const feed = createTestFeed();
    const edge = await startEdge({ trust: feed.trust });
    const record = feed.put(aDistribution({ hosts: ["shown.test"], origins: [anOrigin()] }));
    await edge.apply([record]);
    const { status, body } = await edge.control("GET", `/document?id=${record.id}`);
    expect(status).toBe(200);
    expect(body).toEqual({ id: record.id, rev: 1, hosts: ["shown.test"], document: JSON.parse(record.body) });
    expect((await edge.control("GET", `/document?id=${randomUUID()}`)).status).toBe(404);
    expect((await edge.control("GET", "/elsewhere")).status).toBe(404);
  });

  test("addresses that are none are refused whole", async () => {
    const edge = await startEdge({});
    for (const wrong of ['{"a:80":["not an address"]}', '{"a":["127.0.0.1"]}', "[1]", "rubbish"]) {
      expect((await edge.control("PUT", "/addresses", wrong)).status, wrong).toBe(400);
    }
  });
});

describe("health", () => {
  test("is answered on the edge's own names alone", async () => {
    const feed = createTestFeed();
    const edge = await startEdge({ trust: feed.trust, base: feed.checkpoint([feed.put(named("a.test"))]) });
    for (const host of ["localhost", "127.0.0.1"]) {
      const { status, body } = await ask(edge, { host, path: "/__edge/health" });
      expect([status, JSON.parse(body)]).toEqual([200, { status: "ok", revision: 1, structure: 1, documents: 1 }]);
    }
    expect((await ask(edge, { host: "localhost", path: "/" })).status).toBe(421);
    // A customer's path like any other: its origin is asked, and this one has no address.
    expect((await ask(edge, { host: "a.test", path: "/__edge/health" })).status).toBe(502);
    expect((await ask(edge, { host: "a.test", path: "/", headers: ["X-Edge-Probe: wrong"] })).status).toBe(502);
  });
});
