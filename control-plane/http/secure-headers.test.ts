import { afterAll, beforeAll, expect, test } from "vitest";
import { type BookApi, startBookApi } from "./test-books.ts";

let api: BookApi;

beforeAll(async () => {
  api = await startBookApi({ trustedProxies: ["loopback"] });
});

afterAll(() => api.stop());

test("every answer carries the headers that keep browsers from guessing", async () => {
  for (const path of ["/health", "/api/v1/nothing", "/docs"]) {
    const { headers } = await api.ask(path);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(headers.get("x-powered-by")).toBeNull();
  }
});

test("whoever comes over TLS, as a trusted proxy says, is told to keep to it", async () => {
  const overTls = (path: string) => api.ask(path, { headers: { "x-forwarded-proto": "https" } });
  expect((await overTls("/health")).headers.get("strict-transport-security")).toBe("max-age=31536000");
  expect((await api.ask("/health")).headers.get("strict-transport-security")).toBeNull();
});
