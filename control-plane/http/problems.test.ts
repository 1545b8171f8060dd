import { afterAll, beforeAll, expect, test } from "vitest";
import { unavailable } from "./problems.ts";
import { type BookApi, bookId, shelfTaken, startBookApi, waitForLine } from "./test-books.ts";

let api: BookApi;

beforeAll(async () => {
  api = await startBookApi();
});

afterAll(() => api.stop());

test("a problem that the route declares is answered with its type and the request's id", async () => {
  const reply = await api.createBook({ title: "taken" });
  expect(await reply.json()).toEqual({
    ...shelfTaken,
    detail: "Another book stands there.",
    instance: `urn:edgewright:request:${reply.headers.get("x-request-id")}`,
  });
});

test("an error on no list is a 500 that tells nothing, and its log line has the request id and the cause", async () => {
  const logged = waitForLine("request failed by a defect");
  const reply = await api.ask("/api/v1/defect", { headers: { "x-request-id": "my-request-1" } });
  expect(reply.status).toBe(500);
  expect(reply.headers.get("x-request-id")).toBe("my-request-1");
  expect(await reply.text()).not.toContain("secret detail");
  const line = await logged;
  expect(line).toMatchObject({ level: "error", request_id: "my-request-1", error: { message: "secret detail" } });
});

test("an insane request id is replaced", async () => {
  const reply = await api.ask("/health", { headers: { "x-request-id": "a b\tc{}" } });
  expect(reply.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
});

test("a dependency that is away is a 503 that names it and says when to come again", async () => {
  const reply = await api.ask("/api/v1/outage");
  expect(reply.status).toBe(503);
  expect(reply.headers.get("retry-after")).toBe("2");
  expect(await reply.json()).toMatchObject({ detail: expect.stringContaining("database") });
  expect(unavailable("clickhouse").detail).toContain("clickhouse");
});

test("unknown paths are 404, known ones with another method 405 that says which, OPTIONS tells", async () => {
  expect((await api.ask("/api/v1/nothing")).status).toBe(404);
  expect((await api.ask("/api/v1/books/%E0%A4%A")).status).toBeOneOf([404, 422]);
  const wrong = await api.ask(`/api/v1/books/${bookId}`, { method: "DELETE" });
  expect(wrong.status).toBe(405);
  expect(wrong.headers.get("allow")).toBe("GET, HEAD, PATCH");
  const options = await api.ask(`/api/v1/books/${bookId}`, { method: "OPTIONS" });
  expect([options.status, options.headers.get("allow")]).toEqual([204, "GET, HEAD, PATCH"]);
});
