import { expect, test } from "vitest";
import { saltFromKey } from "./client-hash.ts";
import { contentKindOf } from "./content-kind.ts";
import { createRows, type MadeRows, rightTime } from "./rows.ts";
import { batchOf, line } from "./test-lines.ts";

const now = new Date("2026-05-04T12:00:00Z");
const batch = { id: "a".repeat(64), edgeId: "6f1e3f0e-64c5-4b52-9a0c-1d1a2a0f1f11", receivedAt: now };
const nowhere = { country: "", asn: 0 };
const makingWith = (key: Buffer) => {
  const parts = createRows({ saltOf: (day) => saltFromKey(key, day), findPlace: () => nowhere });
  return async (...asked: Parameters<typeof parts>): Promise<MadeRows> => {
    const all: MadeRows[] = [];
    for await (const some of parts(...asked)) all.push(some);
    const [first] = all.flatMap(({ faulty }) => faulty.first ?? []);
    const count = all.reduce((sum, { faulty }) => sum + faulty.count, 0);
    return { rows: all.flatMap(({ rows }) => rows), faulty: { count, first } };
  };
};
const makeRows = makingWith(Buffer.alloc(32, 1));
const at = (text: string) => (Date.parse(text) / 1000).toFixed(3);
const minutes = (count: number) => now.getTime() + count * 60_000;

function make(...lines: Parameters<typeof batchOf>[0]): Promise<MadeRows> {
  return makeRows(batchOf(lines).body, batch);
}

test("a line becomes a row that says where it came from", async () => {
  const { rows, faulty } = await make(line({ time: "1777896000.120", path: "/x" }), line({ time: "1777896000.120" }));
  expect(faulty).toEqual({ count: 0, first: undefined });
  expect(rows[0]).toMatchObject({ time: "1777896000.120", path: "/x", batch_id: batch.id, batch_line: 1 });
  expect(rows[1]).toMatchObject({ batch_line: 2, edge_id: batch.edgeId, received_at: "1777896000.000" });
  expect(rows[1]).toMatchObject({ provider: "gotipath", content_kind: "image", user_agent_family: "curl" });
});

test("no row holds the viewer's address, nor what the browser said of itself", async () => {
  const sent = { user_agent: "Mozilla/5.0 (X11; Linux) Gecko/20100101 Firefox/128.0 MyName" };
  const { rows } = await make(line({ ...sent, client: "203.0.113.77" }), line({ ...sent, client: "2001:db8::77" }));
  expect(JSON.stringify(rows)).not.toMatch(/203\.0\.113\.77|2001:db8|MyName/);
  expect(rows[0]).toMatchObject({ client_hash: expect.stringMatching(/^\d{1,20}$/), user_agent_family: "Firefox" });
});

test("a visitor is the same all day, another on the next, and another under another key", async () => {
  const times = ["2026-05-03T01:00Z", "2026-05-03T23:59Z", "2026-05-04T00:01Z"];
  const body = batchOf(times.map((time) => line({ time: at(time), client: "203.0.113.77" }))).body;
  const [morning, night, tomorrow] = (await makeRows(body, batch)).rows.map((row) => row.client_hash);
  expect(night).toBe(morning);
  expect(tomorrow).not.toBe(morning);
  const [other] = (await makingWith(Buffer.alloc(32, 2))(body, batch)).rows;
  expect(other?.client_hash).not.toBe(morning);
  const [neighbour] = (await make(line({ time: at("2026-05-03T01:00Z"), client: "203.0.113.78" }))).rows;
  expect(neighbour?.client_hash).not.toBe(morning);
});

test.each([
  ["that is no JSON", "{", "is not JSON"],
  ["that is no object", "7", ": Invalid input"],
  ["with a negative count", JSON.stringify(line({ bytes_out: -1 })), "bytes_out: "],
  ["with a status that no column holds", JSON.stringify(line({ status: 70_000 })), "status: "],
  ["with a time that is none", JSON.stringify(line({ time: "yesterday" })), "time: "],
  ["of nobody", JSON.stringify(line({ account: "" })), "account: "],
])("a line %s is skipped and counted, the others stay", async (_what, faulty, reason) => {
  const made = await make(line(), faulty, line());
  expect(made.rows.map((row) => row.batch_line)).toEqual([1, 3]);
  expect(made.faulty.count).toBe(1);
  expect(made.faulty.first).toContain(`line 2: ${reason}`);
});

test("the reason of a fault never repeats what the viewer sent", async () => {
  const { faulty } = await make(JSON.stringify({ ...line(), status: "secret-in-status" }));
  expect(faulty.first).toMatch(/status/);
  expect(faulty.first).not.toMatch(/secret/);
});

test("blank lines are nothing, and an empty batch has no rows", async () => {
  expect((await make(line(), "", "  ", line())).rows).toHaveLength(2);
  expect(await makeRows(Buffer.alloc(0), batch)).toEqual({ rows: [], faulty: { count: 0, first: undefined } });
});

test("words that viewers choose freely are kept apart only where they are known ones", async () => {
  const { rows } = await make(line({ method: "PROPFIND" }), line({ method: "X".repeat(99), protocol: "", tls: "?" }));
  expect(rows[0]).toMatchObject({ method: "PROPFIND", protocol: "HTTP/2.0", tls: "TLSv1.3" });
  expect(rows[1]).toMatchObject({ method: "other", protocol: "other", tls: "other" });
});

test("what names no host is none, and of a long path its beginning is kept", async () => {
  const path = `/${"x".repeat(8_000)}.css`;
  const { rows } = await make(
    line({ host: "WWW.Example.com", referrer_host: "News.Example", path, content_type: "" }),
    line({ host: `${"x".repeat(250)}.com`, referrer_host: "r".repeat(254) }),
    line({ host: "a b", referrer_host: "<b>\u202e" }),
    line({ host: `${"x".repeat(249)}.com`, referrer_host: "[2001:db8::1]" }),
  );
  expect(rows.map((row) => [row.host.length, row.referrer_host])).toEqual([
    [15, "news.example"],
    [0, ""],
    [0, ""],
    [253, "[2001:db8::1]"],
  ]);
  expect(rows[0]).toMatchObject({ host: "www.example.com", path: path.slice(0, 1_024), content_kind: "style" });
});

test.each([
  ["/", "x", 1_024],
  ["/", "é", 1_023],
  ["/", "€", 1_024],
  ["/x", "€", 1_022],
  ["/", "😀", 1_021],
])("a long path of %s and %s ends with a whole character", async (begin, character, bytes) => {
  const sent = [341, 342, 1_024].map((count) => line({ path: begin + character.repeat(count) }));
  const paths = (await make(...sent)).rows.map((row) => row.path);
  for (const [index, path] of paths.entries()) {
    expect(sent[index]?.path.startsWith(path)).toBe(true);
    expect(path).not.toContain("\ufffd");
    expect(Buffer.from(path).toString()).toBe(path);
  }
  expect(Buffer.byteLength(paths[2] ?? "")).toBe(bytes);
});

test("a batch that comes again has the very same rows, whatever was cut", async () => {
  const { body } = batchOf([line({ path: `/${"€".repeat(2_000)}`, host: "a b", referrer_host: "r".repeat(300) })]);
  expect(await makeRows(body, batch)).toEqual(await makingWith(Buffer.alloc(32, 1))(body, batch));
});

test("a hit has asked no origin, though it may have waited for one", async () => {
  const waited = { origin_ms: 300, ttfb_ms: 301, origin_bytes: 210 };
  const { rows } = await make(line({ ...waited, cache_status: "HIT" }), line({ ...waited, cache_status: "MISS" }));
  expect(rows[0]).toMatchObject({ origin_ms: null, ttfb_ms: 301, origin_bytes: 0 });
  expect(rows[1]).toMatchObject({ origin_ms: 300, ttfb_ms: 301, origin_bytes: 210 });
});

test("what was fetched on behalf of a request counts as the origin's", async () => {
  const { rows } = await make(line({ cache_status: "HIT", fetched_bytes: 5000 }));
  expect(rows[0]?.origin_bytes).toBe(5000);
});

test("the line of an edge that knows no more fields is a row", async () => {
  const { origin_bytes, fetched_bytes, ttfb_ms, content_type, query, ...older } = line({ path: "/a/b.css" });
  const { rows } = await make(JSON.stringify(older));
  expect(rows[0]).toMatchObject({ content_kind: "style", ttfb_ms: 0, query: "" });
});

test("a clock up to 5 minutes ahead is believed, beyond that the time of arrival counts", () => {
  expect(rightTime(minutes(5), now.getTime())).toBe(minutes(5));
  expect(rightTime(minutes(5.01), now.getTime())).toBe(now.getTime());
});

test("lines that waited keep their time, unless nothing of that time is kept", () => {
  expect(rightTime(minutes(-60 * 24 * 89), now.getTime())).toBe(minutes(-60 * 24 * 89));
  expect(rightTime(0, now.getTime())).toBe(now.getTime());
});

test.each([
  ["text/html; charset=utf-8", "/", "page"],
  ["image/webp", "/logo", "image"],
  ["text/css", "/a.css", "style"],
  ["Application/JavaScript", "/app", "script"],
  ["font/woff2", "/x.woff2", "font"],
  ["application/json", "/v1/things", "api"],
  ["application/problem+json", "/v1/things", "api"],
  ["application/vnd.apple.mpegurl", "/live", "manifest"],
  ["text/plain", "/live/index.m3u8", "manifest"],
  ["application/dash+xml", "/vod/x.mpd", "manifest"],
  ["video/mp2t", "/live/42.ts", "segment"],
  ["application/octet-stream", "/live/42.ts", "segment"],
  ["video/mp4", "/dash/video-1/42.m4s", "segment"],
  ["video/mp4", "/dash/init.mp4", "segment"],
  ["audio/mp4", "/dash/seg-00042.m4a", "segment"],
  ["video/mp4", "/films/the-chunk.mp4", "video"],
  ["video/mp4", "/films/1.mp4", "video"],
  ["audio/mpeg", "/songs/1.mp3", "audio"],
  ["application/octet-stream", "/setup.exe", "download"],
  ["application/octet-stream", "/photo.jpg", "image"],
  ["application/pdf", "/terms.pdf", "download"],
  ["text/plain", "/robots.txt", "other"],
  ["", "/photo.jpg", "image"],
  ["", "/", "other"],
  ["nonsense", "/x", "other"],
])("%s at %s is of the kind %s", (type, path, kind) => {
  expect(contentKindOf(type, path)).toBe(kind);
});
