import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { idIn, idsIn, startTestApi, type TestApi } from "../distribution/test-api.ts";
import { createPurgeService, purgeRoutes } from "./index.ts";

let api: TestApi;
let id: string;
let path: string;
let names = 0;

const clock = () => new Date();

beforeAll(async () => {
  api = await startTestApi(undefined, ({ db }) => purgeRoutes(createPurgeService({ db, clock })));
});
afterAll(() => api?.stop());

beforeEach(async () => {
  names += 1;
  const body = { domain: `www${names}.example.com`, origin: { url: "http://127.0.0.1:9000" } };
  id = idIn(await api.call("owner", "POST", "/distributions", body));
  path = `/distributions/${id}/purges`;
});

const purge = (body: unknown, who: "owner" | "viewer" | "stranger" = "owner") => api.call(who, "POST", path, body);
const rows = () => api.db("purge").where({ distribution_id: id }).orderBy("epoch");
const problem = z.looseObject({ errors: z.array(z.object({ pointer: z.string(), detail: z.string() })) });

describe("a purge", () => {
  test("is taken, spelt as the edges spell, and its job is in the outbox with it", async () => {
    await api.db("outbox").delete();
    const urls = [`https://WWW${names}.example.com/%7eann?x=1#top`, "/%7Eann?x=1", "/b"];
    const answer = await purge({ urls });
    expect(answer).toMatchObject({ status: 202, body: { type: "urls", count: 2, status: "pending", edges: [] } });
    expect(answer.body).toMatchObject({ items: ["/~ann?x=1", "/b"], done_at: null, distribution_id: id });
    expect(answer.headers.get("location")).toBe(`/api/v1${path}/${idIn(answer)}`);
    expect(await api.db("outbox")).toMatchObject([{ job: "purge.append" }]);
    expect(await rows()).toMatchObject([{ id: idIn(answer), marks: 2, appended_at: null }]);
  });

  test.each([
    [{ prefixes: ["/a/", "/a/"] }, { type: "prefixes", items: ["/a/"] }],
    [{ tags: ["article-17", "Article-17"] }, { type: "tags", items: ["article-17", "Article-17"] }],
    [{ all: true }, { type: "all", items: [], count: 1 }],
  ])("of %j is taken", async (body, told) => {
    expect(await purge(body)).toMatchObject({ status: 202, body: told });
  });

  test("takes any query where a cache rule keeps one answer for several", async () => {
    const rule = { query: { mode: "include", names: ["page"] } };
    await api.call("owner", "POST", `/distributions/${id}/cache-rules`, rule);
    expect(await purge({ urls: ["/a?page=1", "/a?page=2", "/b"] })).toMatchObject({ body: { items: ["/a", "/b"] } });
  });

  test("is told to the audit log", async () => {
    const purgeId = idIn(await purge({ tags: ["news"] }));
    const entries = await api.db("audit_entry").where({ action: "distribution.purge", resource_id: id });
    expect(entries).toMatchObject([
      { changes: [{ pointer: `/purges/${purgeId}`, after: { type: "tags", count: 1, items: ["news"] } }] },
    ]);
  });

  test("is told to the audit log in part where it is long", async () => {
    const urls = Array.from({ length: 9 }, (_, index) => `/${index}${"a".repeat(1_000)}`);
    await purge({ urls });
    const entries = await api.db("audit_entry").where({ action: "distribution.purge", resource_id: id });
    expect(entries).toMatchObject([{ changes: [{ after: { count: 9, items: urls.slice(0, 8) } }] }]);
  });

  test("of a disabled distribution is taken, of a deleted one not", async () => {
    await api.call("owner", "POST", `/distributions/${id}/disable`);
    expect(await purge({ all: true })).toMatchObject({ status: 202 });
    await api.call("owner", "DELETE", `/distributions/${id}`);
    expect(await purge({ all: true })).toMatchObject({
      status: 409,
      body: { type: expect.stringContaining("deleted") },
    });
    expect(idsIn(await api.call("viewer", "GET", path))).toHaveLength(1);
  });

  test("has a later epoch than the one before, also by the same clock", async () => {
    await Promise.all(Array.from({ length: 20 }, () => purge({ all: true })));
    const epochs = z.array(z.object({ epoch: z.number() })).parse(await rows());
    expect(new Set(epochs.map(({ epoch }) => epoch)).size).toBe(20);
  });
});

describe("a purge is refused, and leaves no row,", () => {
  test.each([
    ["without anything", {}, ""],
    ["with two things", { all: true, tags: ["a"] }, ""],
    ["with nothing in it", { urls: [] }, "/urls"],
    ["by an unknown field", { paths: ["/a"] }, ""],
    ["with all: false", { all: false }, "/all"],
    ["on another's host", { urls: ["/a", "https://other.example.com/"] }, "/urls/1"],
    ["with dot segments", { urls: ["/a/../b"] }, "/urls/0"],
    ["by half a folder", { prefixes: ["/pic"] }, "/prefixes/0"],
    ["by a tag with a comma", { tags: ["a,b"] }, "/tags/0"],
    ["by a tag with a blank", { tags: ["a b"] }, "/tags/0"],
    ["by too many URLs", { urls: Array.from({ length: 1001 }, (_, index) => `/${index}`) }, "/urls"],
    ["by too many prefixes", { prefixes: Array.from({ length: 101 }, (_, index) => `/${index}/`) }, "/prefixes"],
    ["by too much text", { urls: Array.from({ length: 40 }, (_, index) => `/${index}${"a".repeat(8_000)}`) }, "/urls"],
    [
      "by too much text, unread",
      { urls: [...Array.from({ length: 40 }, () => `/${"a".repeat(8_000)}`), "no"] },
      "/urls",
    ],
  ])("%s", async (_, body, pointer) => {
    const answer = await purge(body);
    expect(answer.status).toBe(422);
    const { errors } = problem.parse(answer.body);
    expect(errors.map((error) => error.pointer)).toContain(errors[0]?.pointer === "/paths" ? "/paths" : pointer);
    expect(await rows()).toEqual([]);
  });

  test("by a viewer and by a stranger", async () => {
    expect([(await purge({ all: true }, "viewer")).status, (await purge({ all: true }, "stranger")).status]).toEqual([
      403, 404,
    ]);
    expect(await rows()).toEqual([]);
  });
});

describe("the purges of a distribution", () => {
  test("are listed a page at a time, the newest first", async () => {
    const ids: string[] = [];
    for (let count = 0; count < 3; count += 1) ids.unshift(idIn(await purge({ tags: [`tag-${count}`] })));
    const first = await api.call("viewer", "GET", `${path}?limit=2`);
    expect(idsIn(first)).toEqual(ids.slice(0, 2));
    const { next_cursor } = z.looseObject({ next_cursor: z.string() }).parse(first.body);
    expect(idsIn(await api.call("viewer", "GET", `${path}?limit=2&cursor=${next_cursor}`))).toEqual(ids.slice(2));
  });

  test("are nobody else's", async () => {
    const purgeId = idIn(await purge({ all: true }));
    const other = idIn(
      await api.call("stranger", "POST", "/distributions", {
        domain: `other${names}.example.com`,
        origin: { url: "http://127.0.0.1:9000" },
      }),
    );
    const paths = [path, `${path}/${purgeId}`, `/distributions/${other}/purges/${purgeId}`];
    for (const one of paths) expect((await api.call("stranger", "GET", one)).status).toBe(404);
    expect((await api.call("viewer", "GET", `${path}/${purgeId}`)).status).toBe(200);
  });
});
