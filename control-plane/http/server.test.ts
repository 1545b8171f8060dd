import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BookApi, bookId, bookRoutes, polls, startBookApi, waitForLine } from "./test-books.ts";

let api: BookApi;

beforeAll(async () => {
  api = await startBookApi();
});

afterAll(() => api.stop());

test("a request line says what was asked, of which route, by whom and how it ended", async () => {
  const logged = waitForLine("request", (line) => line.route === "/api/v1/shelves/{shelf_id}/books");
  await api.createBook({ title: "Emma" });
  expect(await logged).toMatchObject({ method: "POST", status: 201, user_id: "u1", client: "127.0.0.1" });
});

test("the client of a request that a trusted proxy passes on is whom the proxy names", async () => {
  const headers = { "x-forwarded-for": "203.0.113.9" };
  const trusting = await startBookApi({ trustedProxies: ["loopback"] });
  for (const [asked, client] of [
    [trusting, "203.0.113.9"],
    [api, "127.0.0.1"],
  ] as const) {
    const logged = waitForLine("request", (line) => line.route === "/api/v1/books/{id}");
    await asked.ask(`/api/v1/books/${bookId}`, { headers });
    expect(await logged).toMatchObject({ client });
  }
  await trusting.stop();
});

test("a client that goes away aborts its request's signal", async () => {
  const gone = new AbortController();
  const begun = once(polls, "data");
  const asked = api.ask("/api/v1/poll", { signal: gone.signal });
  expect(await begun).toEqual(["begun"]);
  const heard = once(polls, "data");
  gone.abort();
  await expect(asked).rejects.toThrow();
  expect(String(await heard)).toContain("the client went away");
});

test("stopping answers waiting polls, closes kept-alive connections and refuses new ones", async () => {
  const other = await startBookApi();
  const begun = once(polls, "data");
  const poll = fetch(`${other.url}/api/v1/poll`, { signal: AbortSignal.timeout(10_000) });
  await begun;
  const idle = connect(Number(new URL(other.url).port), "127.0.0.1");
  await once(idle, "connect");
  const idleClosed = once(idle, "close");
  idle.resume();
  const startedAt = performance.now();
  await other.stop();
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  expect((await poll).status).toBe(204);
  await idleClosed;
  await expect(fetch(`${other.url}/health`)).rejects.toThrow();
});

test("declarations that contradict each other stop the server from starting", async () => {
  const twice = [...bookRoutes, ...bookRoutes.slice(0, 1)];
  await expect(startBookApi({ routes: twice })).rejects.toThrow(
    "two routes are declared as POST /api/v1/shelves/{shelf_id}/books",
  );
});
