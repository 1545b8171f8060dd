import { afterAll, beforeAll, expect, test } from "vitest";
import { etagOf } from "./etag.ts";
import { type BookApi, bookId, startBookApi, waitForLine } from "./test-books.ts";

let api: BookApi;

beforeAll(async () => {
  api = await startBookApi();
});

afterAll(() => api.stop());

test("a resource has a tag: who holds it gets a 304, and HEAD is GET without the body", async () => {
  const path = `/api/v1/books/${bookId}`;
  const reply = await api.ask(path);
  const etag = reply.headers.get("etag") ?? "";
  const body = await reply.text();
  expect(etag).toBe(etagOf(JSON.parse(body)));
  const again = await api.ask(path, { headers: { "if-none-match": `"other", W/${etag}` } });
  expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", etag]);
  const head = await api.ask(path, { method: "HEAD" });
  expect([head.status, head.headers.get("etag"), await head.text()]).toEqual([200, etag, ""]);
  expect(head.headers.get("content-length")).toBe(String(body.length));
});

test("If-Match guards a change", async () => {
  const change = (headers: Record<string, string>) =>
    api.ask(`/api/v1/books/${bookId}`, {
      method: "PATCH",
      headers: { "content-type": "application/merge-patch+json", ...headers },
      body: "{}",
    });
  const etag = (await api.ask(`/api/v1/books/${bookId}`)).headers.get("etag") ?? "";
  expect((await change({ "if-match": etag })).status).toBe(202);
  expect((await change({ "if-match": "*" })).status).toBe(202);
  expect((await change({})).status).toBe(202);
  expect((await change({ "if-match": '"older"' })).status).toBe(412);
});

test("a reply that its declaration does not describe is a defect, not an answer", async () => {
  const logged = waitForLine("request failed by a defect");
  expect((await api.ask("/api/v1/lie")).status).toBe(500);
  expect(await logged).toMatchObject({ error: { message: expect.stringContaining("the reply of lie") } });
});

test("a stream is answered as it comes", async () => {
  expect(await (await api.ask("/api/v1/stream")).text()).toBe("ab");
  expect((await api.ask("/api/v1/stream", { method: "HEAD" })).status).toBe(200);
});
