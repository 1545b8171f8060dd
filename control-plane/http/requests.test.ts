import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type BookApi, bookId, startBookApi } from "./test-books.ts";

let api: BookApi;

beforeAll(async () => {
  api = await startBookApi();
});

afterAll(() => api.stop());

test("a good request reaches its handler with defaults filled in, and its reply comes back", async () => {
  const reply = await api.createBook({ title: "Emma" });
  expect(reply.status).toBe(201);
  expect(reply.headers.get("content-type")).toBe("application/json");
  expect(reply.headers.get("cache-control")).toBe("no-store");
  expect(await reply.json()).toEqual({ title: "Emma", copies: 1, user: "u1" });
});

test("all faults of params, query and body come at once, each with its pointer", async () => {
  const reply = await api.createBook(
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
  ["no type at all", new TextEncoder().encode('{"title":"Emma"}'), undefined, 415],
  ["no body at all", "", "application/json", 422],
  ["a body beyond the limit", JSON.stringify({ title: "x".repeat(1024 * 1024) }), "application/json", 413],
])("%s is a problem of its own", async (_name, body, contentType, status) => {
  const reply = await api.ask(`/api/v1/shelves/${bookId}/books`, {
    method: "POST",
    headers: { ...(contentType && { "content-type": contentType }), authorization: "Bearer editor" },
    body,
  });
  expect(reply.status).toBe(status);
  expect(reply.headers.get("content-type")).toBe("application/problem+json");
});

test("who is not logged in is asked for it before anything is read; too small a role is refused", async () => {
  const stranger = await api.createBook("{", { role: "nobody" });
  expect(stranger.status).toBe(401);
  expect(stranger.headers.get("www-authenticate")).toBe("Bearer");
  expect((await api.createBook({ title: "Emma" }, { role: "viewer" })).status).toBe(403);
  expect((await api.ask("/api/v1/operators", { headers: { authorization: "Bearer editor" } })).status).toBe(403);
});

/** The answer to what a client writes that minds no rules. */
async function answerTo(written: string): Promise<{ status: number; body: string }> {
  const socket = connect(Number(new URL(api.url).port), "127.0.0.1");
  socket.end(written);
  const [head = "", body = ""] = (await text(socket)).split("\r\n\r\n");
  return { status: Number(head.split(" ")[1]), body };
}

async function statusOf(...lines: string[]): Promise<number> {
  const head = ["GET /api/v1/operators HTTP/1.1", "Connection: close", ...lines].join("\r\n");
  return (await answerTo(`${head}\r\n\r\n`)).status;
}

test.each([
  ["no HTTP at all", "hello\r\n\r\n", 400, "malformed-request"],
  ["a header with a control character", "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400, "malformed-request"],
  ["headers without end", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, 431, "headers-too-large"],
])("%s is answered as a problem too", async (_name, written, status, type) => {
  const answer = await answerTo(written);
  expect([answer.status, JSON.parse(answer.body)]).toMatchObject([status, { type: `urn:edgewright:problem:${type}` }]);
});

test("a header that may come once and comes twice is a 400, not one of the two", async () => {
  const host = `Host: ${new URL(api.url).host}`;
  expect(await statusOf(host, "Authorization: Bearer nobody")).toBe(401);
  expect(await statusOf(host, "Authorization: Bearer nobody", "authorization: Bearer editor")).toBe(400);
  expect(await statusOf(host, "Host: other.example", "Authorization: Bearer nobody")).toBe(400);
  expect(await statusOf(host, "Content-Length: 0", "Content-Length: 1")).toBe(400);
  expect(await statusOf(host, "Accept: text/html", "Accept: */*", "Authorization: Bearer nobody")).toBe(401);
});

test("a raw body comes decoded from gzip, limited before and after decoding", async () => {
  const send = (body: Uint8Array | string, headers: Record<string, string> = {}) =>
    api.ask("/edge/v1/logs", { method: "POST", headers: { "content-type": "application/x-ndjson", ...headers }, body });
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
  const outcome = await api
    .ask("/edge/v1/logs", {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body: ReadableStream.from(endless()),
      duplex: "half",
    })
    .then(
      (reply) => reply.status,
      // The server closes while the client still writes: undici may see that before the answer.
      () => 413,
    );
  expect(outcome).toBe(413);
});
