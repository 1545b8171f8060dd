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

function changeBook(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return api.ask(`/api/v1/books/${bookId}`, {
    method: "PATCH",
    headers: { "content-type": "application/merge-patch+json", ...headers },
    body: JSON.stringify(body),
  });
}

test("If-Match guards a change, whose answer has the tag of what is there now", async () => {
  const etag = (await api.ask(`/api/v1/books/${bookId}`)).headers.get("etag") ?? "";
  const changed = await changeBook({}, { "if-match": etag });
  expect([changed.status, changed.headers.get("etag")]).toEqual([200, etag]);
  expect((await changeBook({}, { "if-match": "*" })).status).toBe(200);
  expect((await changeBook({})).status).toBe(200);
  expect((await changeBook({}, { "if-match": '"older"' })).status).toBe(412);
});

test("with Prefer: wait the outcome is answered, and the answer says that it was waited for", async () => {
  const waited = await changeBook({ title: "slow" }, { prefer: "wait=5" });
  expect([waited.headers.get("preference-applied"), await waited.json()]).toMatchObject([
    "wait",
    { title: "printed within 5 s" },
  ]);
  const notAsked = await changeBook({ title: "slow" });
  expect([notAsked.headers.get("preference-applied"), await notAsked.json()]).toMatchObject([null, { title: "slow" }]);
  const nothingToWaitFor = await changeBook({ title: "quick" }, { prefer: "wait=5" });
  expect(nothingToWaitFor.headers.get("preference-applied")).toBeNull();
});

test("a wait that comes to nothing does not make the change a failure", async () => {
  const logged = waitForLine("the outcome could not be waited for");
  const reply = await changeBook({ title: "stuck" }, { prefer: "wait=5" });
  expect([reply.status, await reply.json()]).toMatchObject([200, { title: "stuck" }]);
  expect(reply.headers.get("preference-applied")).toBeNull();
  expect(await logged).toMatchObject({ error: { message: "the printer is out" } });
});

test("a deprecated route says since when, until when and what to use instead, in problems too", async () => {
  for (const path of ["/api/v1/papyri", "/api/v1/papyri?page=first"]) {
    expect(Object.fromEntries((await api.ask(path)).headers)).toMatchObject({
      deprecation: "@1767225600",
      sunset: "Fri, 01 Jan 2027 12:00:00 GMT",
      link: '<https://docs.example.com/books>; rel="deprecation"; type="text/html"',
    });
  }
  expect((await api.ask("/health")).headers.get("deprecation")).toBeNull();
});

test("a reply that its declaration does not describe is a defect, not an answer", async () => {
  const logged = waitForLine("request failed by a defect");
  expect((await api.ask("/api/v1/lie")).status).toBe(500);
  expect(await logged).toMatchObject({ error: { message: expect.stringContaining("the reply of lie") } });
  const strayed = waitForLine("request failed by a defect");
  expect((await api.ask("/api/v1/stray")).status).toBe(500);
  expect(await strayed).toMatchObject({ error: { message: expect.stringContaining("does not declare: 202") } });
});

test("a stream is answered as it comes", async () => {
  expect(await (await api.ask("/api/v1/stream")).text()).toBe("ab");
  expect((await api.ask("/api/v1/stream", { method: "HEAD" })).status).toBe(200);
});

test("a body is written in the content type that the client would have most, and JSON where it has no wish", async () => {
  const asked = async (accept: string) => {
    const { status, headers } = await api.ask("/api/v1/sales", { headers: { accept } });
    return [status, headers.get("content-type"), headers.get("vary")];
  };
  const json = [200, "application/json", "Accept"];
  const csv = [200, "text/csv; charset=utf-8", "Accept"];
  expect(await asked("*/*")).toEqual(json);
  expect(await asked("text/html, image/png")).toEqual(json);
  expect(await asked("text/csv;q=0.5, application/json;q=0.9")).toEqual(json);
  expect(await asked("text/csv")).toEqual(csv);
  expect(await asked("text/*, */*;q=0.1")).toEqual(csv);
  const reply = await api.ask("/api/v1/sales", { headers: { accept: "text/csv" } });
  const etag = reply.headers.get("etag") ?? "";
  expect(await reply.text()).toBe("sold\r\n3\r\n");
  const again = await api.ask("/api/v1/sales", { headers: { accept: "text/csv", "if-none-match": etag } });
  expect(again.status).toBe(304);
});

test("a content type that the route does not declare is a defect", async () => {
  const logged = waitForLine("request failed by a defect");
  expect((await api.ask("/api/v1/sales", { headers: { accept: "image/svg+xml" } })).status).toBe(500);
  expect(await logged).toMatchObject({ error: { message: expect.stringContaining("a content type") } });
});

test("a handler that takes long can ask whether its caller is still let in", async () => {
  const news = (token: string) => api.ask("/api/v1/news", { headers: { authorization: `Bearer ${token}` } });
  expect(await (await news("viewer")).text()).toBe("still here");
  expect((await news("leaving")).status).toBe(401);
});
