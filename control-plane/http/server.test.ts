import { once } from "node:events";
import { connect } from "node:net";
import { PassThrough, Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createLogger } from "../../platform/log.ts";
import { defineProblem, Problem } from "../../platform/problem.ts";
import { type Caller, noRequest } from "./caller.ts";
import { defineRoute, type Route } from "./define-route.ts";
import { assertIfMatch, etagOf } from "./etag.ts";
import { unauthorized, unavailable } from "./problems.ts";
import { type Dependency, startApiServer } from "./server.ts";

const lines = new PassThrough();
const log = createLogger({ role: "test", level: "debug", destination: lines });
const shelfTaken = defineProblem("shelf-taken", 409, "The shelf is taken");
const bookBody = z.strictObject({
  title: z.string().min(1).max(20),
  shelf: z.strictObject({ "row/column": z.int() }).optional(),
  authors: z.union([z.string(), z.array(z.strictObject({ name: z.string() }))]).optional(),
});
const book = z.object({ id: z.uuid(), title: z.string() });
const bookId = "0b9a5f7e-3c1d-4b8a-9c55-0f6d1f0a7b11";
const polls = new PassThrough({ objectMode: true });

const routes: Route[] = [
  defineRoute({
    method: "POST",
    path: "/shelves/{shelf_id}/books",
    operationId: "createBook",
    tag: "Books",
    summary: "Put a book on a shelf",
    access: { kind: "account", role: "editor", scope: "distributions:write" },
    params: z.object({ shelf_id: z.uuid() }),
    query: z.object({ copies: z.coerce.number().int().min(1).default(1) }),
    body: bookBody,
    reply: { status: 201, body: z.object({ title: z.string(), copies: z.int(), user: z.string() }) },
    problems: [shelfTaken],
    handle: async ({ body, query, caller }) => {
      if (body.title === "taken") throw new Problem(shelfTaken, "Another book stands there.");
      return { body: { title: body.title, copies: query.copies, user: caller.userId } };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/books/{id}",
    operationId: "getBook",
    tag: "Books",
    summary: "Read a book",
    access: { kind: "public" },
    params: z.object({ id: z.uuid() }),
    reply: { status: 200, body: book },
    handle: async ({ params }) => ({ body: { id: params.id, title: "Middlemarch" } }),
  }),
  defineRoute({
    method: "PATCH",
    path: "/books/{id}",
    operationId: "updateBook",
    tag: "Books",
    summary: "Change a book",
    access: { kind: "public" },
    params: z.object({ id: z.uuid() }),
    body: z.strictObject({}),
    reply: { status: 202, empty: true },
    handle: async ({ facts }) => {
      assertIfMatch(facts, { id: bookId, title: "Middlemarch" });
      return {};
    },
  }),
  defineRoute({
    method: "POST",
    path: "/edge/v1/logs",
    operationId: "sendLogs",
    tag: "Edge",
    summary: "Lines",
    access: { kind: "edge" },
    body: { raw: "application/x-ndjson", bytesMax: 100 },
    reply: { status: 200, raw: "text/plain" },
    handle: async ({ facts, caller }) => ({ body: `${caller.edgeId}:${facts.rawBody?.toString("utf8")}` }),
  }),
  ...(["defect", "outage", "lie", "operators", "stream"] as const).map((what) =>
    defineRoute({
      method: "GET",
      path: `/${what}`,
      operationId: what,
      tag: "Trouble",
      summary: what,
      access: what === "operators" ? { kind: "operator", scope: "platform:read" } : { kind: "public" },
      reply: what === "stream" ? { status: 200, raw: "text/plain" } : { status: 200, body: z.object({ n: z.int() }) },
      handle: async () => {
        if (what === "defect") throw new Error("secret detail");
        if (what === "outage") throw Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
        if (what === "stream") return { body: Readable.from(["a", "b"]) };
        return { body: { n: what === "lie" ? 1.5 : 1 } };
      },
    }),
  ),
  defineRoute({
    method: "GET",
    path: "/poll",
    operationId: "poll",
    tag: "Trouble",
    summary: "Waits until it is told to stop",
    access: { kind: "public" },
    reply: { status: 204, empty: true },
    handle: async ({ facts }) => {
      polls.write("begun");
      await once(facts.signal, "abort");
      polls.write(String(facts.signal.reason));
      return {};
    },
  }),
];

const authenticate = {
  account: async (credentials: { header(name: string): string | undefined }): Promise<Caller> => {
    const role = credentials.header("authorization")?.replace("Bearer ", "");
    if (role !== "viewer" && role !== "editor") throw unauthorized("Log in first.");
    return { userId: "u1", accountId: "a1", accountRole: role, platformRole: "user", scopes: "all", ...noRequest };
  },
  user: async () => ({ userId: "u1", sessionId: "s1", platformRole: "user" as const, ...noRequest }),
  edge: async () => ({ edgeId: "e1", scope: "g1" }),
};

let isRedisBack = false;
let isMailHanging = true;
const readiness: Dependency[] = [
  { name: "database", check: async () => {} },
  {
    name: "redis",
    check: async () => {
      if (!isRedisBack) throw new Error("connect refused");
    },
  },
  {
    name: "mail",
    optional: true,
    check: async () => {
      if (isMailHanging) await new Promise(() => {});
      throw new AggregateError([new Error("refused at ::1"), new Error("refused at 127.0.0.1")], "");
    },
  },
];

let api: Awaited<ReturnType<typeof startApiServer>>;
beforeAll(async () => {
  api = await startApiServer({ routes, authenticate, readiness, log, host: "127.0.0.1", port: 0 });
});
afterAll(() => api.part.stop());

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${api.url}${path}`, { signal: AbortSignal.timeout(10_000), ...init });
}

function createBook(body: unknown, { role = "editor", path = `/api/v1/shelves/${bookId}/books` } = {}) {
  return ask(path, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${role}` },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

test("a good request reaches its handler with defaults filled in, and its reply comes back", async () => {
  const reply = await createBook({ title: "Emma" });
  expect(reply.status).toBe(201);
  expect(reply.headers.get("content-type")).toBe("application/json");
  expect(reply.headers.get("cache-control")).toBe("no-store");
  expect(await reply.json()).toEqual({ title: "Emma", copies: 1, user: "u1" });
});

test("all faults of params, query and body come at once, each with its pointer", async () => {
  const reply = await createBook(
    { shelf: { "row/column": "x" }, authors: [{ name: 7 }], colour: "red" },
    { path: "/api/v1/shelves/top/books?copies=0&sort=asc" },
  );
  expect(reply.status).toBe(422);
  expect(reply.headers.get("content-type")).toBe("application/problem+json");
  const problem = z
    .object({ type: z.string(), errors: z.array(z.object({ pointer: z.string(), detail: z.string() })) })
    .parse(await reply.json());
  expect(problem.type).toBe("urn:edgewright:problem:invalid-request");
  expect(problem.errors.map((fault) => fault.pointer).sort()).toEqual([
    "/authors/0/name",
    "/colour",
    "/shelf/row~1column",
    "/title",
    ":shelf_id",
    "?copies",
    "?sort",
  ]);
  expect(problem.errors).toContainEqual({ pointer: "/title", detail: "is required." });
});

test.each([
  ["no JSON", "{", "application/json", 400],
  ["no UTF-8", new Uint8Array([0x22, 0xff, 0x22]), "application/json", 400],
  ["another type", "title=Emma", "application/x-www-form-urlencoded", 415],
  ["no body at all", "", "application/json", 422],
  ["a body beyond the limit", JSON.stringify({ title: "x".repeat(1024 * 1024) }), "application/json", 413],
])("%s is a problem of its own", async (_name, body, contentType, status) => {
  const reply = await ask(`/api/v1/shelves/${bookId}/books`, {
    method: "POST",
    headers: { "content-type": contentType, authorization: "Bearer editor" },
    body,
  });
  expect(reply.status).toBe(status);
  expect(reply.headers.get("content-type")).toBe("application/problem+json");
});

test("who is not logged in is asked for it before anything is read; too small a role is refused", async () => {
  const stranger = await createBook("{", { role: "nobody" });
  expect(stranger.status).toBe(401);
  expect(stranger.headers.get("www-authenticate")).toBe("Bearer");
  expect((await createBook({ title: "Emma" }, { role: "viewer" })).status).toBe(403);
  expect((await ask("/api/v1/operators", { headers: { authorization: "Bearer editor" } })).status).toBe(403);
});

test("a problem that the route declares is answered with its type and the request's id", async () => {
  const reply = await createBook({ title: "taken" });
  expect(await reply.json()).toEqual({
    ...shelfTaken,
    detail: "Another book stands there.",
    instance: `urn:edgewright:request:${reply.headers.get("x-request-id")}`,
  });
});

test("an error on no list is a 500 that tells nothing, and its log line has the request id and the cause", async () => {
  const logged = waitForLine("request failed by a defect");
  const reply = await ask("/api/v1/defect", { headers: { "x-request-id": "my-request-1" } });
  expect(reply.status).toBe(500);
  expect(reply.headers.get("x-request-id")).toBe("my-request-1");
  expect(await reply.text()).not.toContain("secret detail");
  const line = await logged;
  expect(line).toMatchObject({ level: "error", request_id: "my-request-1", error: { message: "secret detail" } });
});

test("an insane request id is replaced", async () => {
  const reply = await ask("/health", { headers: { "x-request-id": "a b\tc{}" } });
  expect(reply.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
});

test("a dependency that is away is a 503 that names it and says when to come again", async () => {
  const reply = await ask("/api/v1/outage");
  expect(reply.status).toBe(503);
  expect(reply.headers.get("retry-after")).toBe("2");
  expect(await reply.json()).toMatchObject({ detail: expect.stringContaining("database") });
  expect(unavailable("clickhouse").detail).toContain("clickhouse");
});

test("a reply that its declaration does not describe is a defect, not an answer", async () => {
  const logged = waitForLine("request failed by a defect");
  expect((await ask("/api/v1/lie")).status).toBe(500);
  expect(await logged).toMatchObject({ error: { message: expect.stringContaining("the reply of lie") } });
});

test("unknown paths are 404, known ones with another method 405 that says which, OPTIONS tells", async () => {
  expect((await ask("/api/v1/nothing")).status).toBe(404);
  expect((await ask("/api/v1/books/%E0%A4%A")).status).toBeOneOf([404, 422]);
  const wrong = await ask(`/api/v1/books/${bookId}`, { method: "DELETE" });
  expect(wrong.status).toBe(405);
  expect(wrong.headers.get("allow")).toBe("GET, HEAD, PATCH");
  const options = await ask(`/api/v1/books/${bookId}`, { method: "OPTIONS" });
  expect([options.status, options.headers.get("allow")]).toEqual([204, "GET, HEAD, PATCH"]);
});

test("a resource has a tag: who holds it gets a 304, and HEAD is GET without the body", async () => {
  const path = `/api/v1/books/${bookId}`;
  const reply = await ask(path);
  const etag = reply.headers.get("etag") ?? "";
  const body = await reply.text();
  expect(etag).toBe(etagOf(JSON.parse(body)));
  const again = await ask(path, { headers: { "if-none-match": `"other", W/${etag}` } });
  expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", etag]);
  const head = await ask(path, { method: "HEAD" });
  expect([head.status, head.headers.get("etag"), await head.text()]).toEqual([200, etag, ""]);
  expect(head.headers.get("content-length")).toBe(String(body.length));
});

test("If-Match guards a change", async () => {
  const change = (headers: Record<string, string>) =>
    ask(`/api/v1/books/${bookId}`, {
      method: "PATCH",
      headers: { "content-type": "application/merge-patch+json", ...headers },
      body: "{}",
    });
  const etag = (await ask(`/api/v1/books/${bookId}`)).headers.get("etag") ?? "";
  expect((await change({ "if-match": etag })).status).toBe(202);
  expect((await change({ "if-match": "*" })).status).toBe(202);
  expect((await change({})).status).toBe(202);
  expect((await change({ "if-match": '"older"' })).status).toBe(412);
});

test("a raw body comes decoded from gzip, limited before and after decoding", async () => {
  const send = (body: Uint8Array | string, headers: Record<string, string> = {}) =>
    ask("/edge/v1/logs", { method: "POST", headers: { "content-type": "application/x-ndjson", ...headers }, body });
  expect(await (await send("plain")).text()).toBe("e1:plain");
  const zipped = await send(gzipSync("zipped"), { "content-encoding": "gzip" });
  expect([zipped.headers.get("content-type"), await zipped.text()]).toEqual(["text/plain", "e1:zipped"]);
  expect((await send("x".repeat(101))).status).toBe(413);
  expect((await send(gzipSync("x".repeat(100_000)), { "content-encoding": "gzip" })).status).toBe(413);
  expect((await send("not gzip", { "content-encoding": "gzip" })).status).toBe(400);
  expect((await send("x", { "content-encoding": "br" })).status).toBe(415);
  expect((await send("x", { "content-type": "text/plain" })).status).toBe(415);
});

test("a body longer than announced by nobody is cut off at the limit", async () => {
  async function* endless() {
    while (true) yield new Uint8Array(64 * 1024);
  }
  const outcome = await ask("/edge/v1/logs", {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: ReadableStream.from(endless()),
    duplex: "half",
  }).then(
    (reply) => reply.status,
    // The server closes while the client still writes: undici may see that before the answer.
    () => 413,
  );
  expect(outcome).toBe(413);
});

test("a stream is answered as it comes", async () => {
  expect(await (await ask("/api/v1/stream")).text()).toBe("ab");
  expect((await ask("/api/v1/stream", { method: "HEAD" })).status).toBe(200);
});

test("every answer carries the headers that keep browsers from guessing", async () => {
  for (const path of ["/health", "/api/v1/nothing", "/docs"]) {
    const { headers } = await ask(path);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  }
});

test("readiness names each dependency; one that hangs is given up on, one that is needed makes it a 503", async () => {
  const away = await ask("/ready");
  expect(away.status).toBe(503);
  expect(await away.json()).toMatchObject({
    status: "not_ready",
    dependencies: [
      { name: "database", status: "ok", reason: null },
      { name: "redis", status: "failed", reason: "connect refused" },
      { name: "mail", status: "failed", optional: true, reason: "no answer within 2000 ms" },
    ],
  });
  isRedisBack = true;
  isMailHanging = false;
  const back = await ask("/ready");
  expect([back.status, await back.json()]).toMatchObject([
    200,
    { status: "degraded", dependencies: [{}, {}, { reason: "refused at ::1; refused at 127.0.0.1" }] },
  ]);
});

test("the docs page, its files, the description and the metrics are served", async () => {
  expect(await (await ask("/docs")).text()).toContain("/docs/swagger-ui-bundle.js");
  expect((await ask("/docs/swagger-ui-bundle.js")).headers.get("content-type")).toContain("text/javascript");
  expect((await ask("/docs/swagger-ui.css")).status).toBe(200);
  expect(await (await ask("/api/v1/openapi.json")).json()).toMatchObject({ openapi: "3.1.0" });
  expect(await (await ask("/metrics")).text()).toContain(
    'edgewright_http_request_duration_seconds_count{method="GET",route="/health",status="200"}',
  );
});

test("a request line says what was asked, of which route, by whom and how it ended", async () => {
  const logged = waitForLine("request", (line) => line.route === "/api/v1/shelves/{shelf_id}/books");
  await createBook({ title: "Emma" });
  expect(await logged).toMatchObject({ method: "POST", status: 201, user_id: "u1", client: "127.0.0.1" });
});

test("a client that goes away aborts its request's signal", async () => {
  const gone = new AbortController();
  const begun = once(polls, "data");
  const asked = ask("/api/v1/poll", { signal: gone.signal });
  expect(await begun).toEqual(["begun"]);
  const heard = once(polls, "data");
  gone.abort();
  await expect(asked).rejects.toThrow();
  expect(String(await heard)).toContain("the client went away");
});

test("stopping answers waiting polls, closes kept-alive connections and refuses new ones", async () => {
  const other = await startApiServer({ routes, authenticate, readiness: [], log, host: "127.0.0.1", port: 0 });
  const begun = once(polls, "data");
  const poll = fetch(`${other.url}/api/v1/poll`, { signal: AbortSignal.timeout(10_000) });
  await begun;
  const idle = connect(Number(new URL(other.url).port), "127.0.0.1");
  await once(idle, "connect");
  const idleClosed = once(idle, "close");
  idle.resume();
  const startedAt = performance.now();
  await other.part.stop();
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  expect((await poll).status).toBe(204);
  await idleClosed;
  await expect(fetch(`${other.url}/health`)).rejects.toThrow();
});

test("declarations that contradict each other stop the server from starting", async () => {
  const twice = [...routes, ...routes.slice(0, 1)];
  await expect(
    startApiServer({ routes: twice, authenticate, readiness: [], log, host: "127.0.0.1", port: 0 }),
  ).rejects.toThrow("two routes are declared as POST /api/v1/shelves/{shelf_id}/books");
});

const lineSchema = z.record(z.string(), z.unknown());
type Line = z.infer<typeof lineSchema>;

function waitForLine(message: string, fits: (line: Line) => boolean = () => true): Promise<Line> {
  return new Promise((resolve) => {
    const listen = (chunk: Buffer) => {
      for (const text of chunk.toString("utf8").split("\n").filter(Boolean)) {
        const line = lineSchema.parse(JSON.parse(text));
        if (line.msg !== message || !fits(line)) continue;
        lines.off("data", listen);
        resolve(line);
      }
    };
    lines.on("data", listen);
  });
}
