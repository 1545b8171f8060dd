import { afterAll, beforeAll, expect, test } from "vitest";
import { isOrigin } from "./cors.ts";
import { type BookApi, bookId, startBookApi } from "./test-books.ts";

const portal = "https://portal.example.com";
let api: BookApi;
let closed: BookApi;

beforeAll(async () => {
  api = await startBookApi({ corsOrigins: [portal, "http://localhost:3000"] });
  closed = await startBookApi();
});

afterAll(async () => {
  await api.stop();
  await closed.stop();
});

const preflight = (origin: string) => ({
  method: "OPTIONS",
  headers: {
    origin,
    "access-control-request-method": "PATCH",
    "access-control-request-headers": "authorization,if-match",
  },
});

test("a page of a listed origin may read answers, problems among them, and their headers, without cookies", async () => {
  for (const path of [`/api/v1/books/${bookId}`, "/api/v1/nothing", "/api/v1/defect"]) {
    const { headers } = await api.ask(path, { headers: { origin: portal } });
    expect(headers.get("access-control-allow-origin")).toBe(portal);
    expect(headers.get("access-control-allow-credentials")).toBeNull();
    expect(headers.get("access-control-expose-headers")).toContain("ETag,Location,Link,Retry-After,X-Request-Id");
    expect(headers.get("vary")).toContain("Origin");
  }
});

test("a preflight says what the page may send, for ten minutes", async () => {
  const reply = await api.ask(`/api/v1/books/${bookId}`, preflight("http://localhost:3000"));
  expect(reply.status).toBe(204);
  expect(Object.fromEntries(reply.headers)).toMatchObject({
    "access-control-allow-origin": "http://localhost:3000",
    "access-control-allow-methods": expect.stringContaining("PATCH"),
    "access-control-allow-headers": "authorization,if-match",
    "access-control-max-age": "600",
    vary: "Origin",
  });
});

test.each(["https://evil.example", "https://portal.example.com.evil.example", "http://portal.example.com", "null"])(
  "a page of %s is told nothing, and caches are told that it depends on the page",
  async (origin) => {
    const answers = [
      await api.ask("/health", { headers: { origin } }),
      await api.ask(`/api/v1/books/${bookId}`, preflight(origin)),
    ];
    for (const { headers } of answers) {
      expect([...headers.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
      expect(headers.get("vary")).toBe("Origin");
    }
  },
);

test("without a list there is no CORS, and OPTIONS is only asked what the path has", async () => {
  const reply = await closed.ask(`/api/v1/books/${bookId}`, preflight(portal));
  expect([reply.status, reply.headers.get("allow")]).toEqual([204, "GET, HEAD, PATCH"]);
  expect([...reply.headers.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
  expect((await closed.ask("/health", { headers: { origin: portal } })).headers.get("vary")).toBeNull();
});

test("an origin is scheme, host and port, as a browser writes it", () => {
  expect(["https://a.example", "http://localhost:3000", "http://[::1]:8080"].map(isOrigin)).toEqual([true, true, true]);
  const wrong = [
    "*",
    "a.example",
    "https://a.example/",
    "https://A.example",
    "https://a.example:443",
    "null",
    "ftp://a",
  ];
  expect(wrong.filter(isOrigin)).toEqual([]);
});
