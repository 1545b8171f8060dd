import { afterAll, beforeAll, expect, test } from "vitest";
import { type BookApi, startBookApi } from "./test-books.ts";

let api: BookApi;

beforeAll(async () => {
  api = await startBookApi();
});

afterAll(() => api.stop());

test("every answer carries the headers that keep browsers from guessing", async () => {
  for (const path of ["/health", "/api/v1/nothing", "/docs"]) {
    const { headers } = await api.ask(path);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  }
});
