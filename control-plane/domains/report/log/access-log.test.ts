import { expect, test } from "vitest";
import { createClientHash, type ParsedBatch, parseBatch, rightTime } from "./access-log.ts";
import { batchOf, line } from "./test-lines.ts";

const now = new Date("2026-05-04T12:00:00Z");
const batch = { id: "a".repeat(64), edgeId: "6f1e3f0e-64c5-4b52-9a0c-1d1a2a0f1f11", receivedAt: now };
const hashClient = createClientHash(Buffer.alloc(32, 1));
const minutes = (count: number) => new Date(now.getTime() + count * 60_000);

function parse(...lines: Parameters<typeof batchOf>[0]): Promise<ParsedBatch> {
  return parseBatch(batchOf(lines).body, batch, hashClient);
}

test("a line becomes a row that says where it came from", async () => {
  const { rows, faulty } = await parse(line({ time: "1777896000.120", path: "/x?y=1" }), line());
  expect(faulty).toEqual({ count: 0, first: undefined });
  expect(rows[0]).toMatchObject({ time: "1777896000.120", path: "/x?y=1", batch_id: batch.id, batch_line: 1 });
  expect(rows[1]).toMatchObject({ batch_line: 2, edge_id: batch.edgeId, received_at: "1777896000.000" });
});

test("no row holds the viewer's address", async () => {
  const { rows } = await parse(line({ client: "203.0.113.77" }), line({ client: "2001:db8::77" }));
  expect(JSON.stringify(rows)).not.toMatch(/203\.0\.113\.77|2001:db8/);
  expect(rows[0]?.client_hash).toMatch(/^[0-9a-f]{32}$/);
});

test("a visitor is the same all day, another on the next, and another under another master key", () => {
  const [morning, night, tomorrow] = ["2026-05-04T01:00Z", "2026-05-04T23:00Z", "2026-05-05T01:00Z"].map(
    (text) => new Date(text),
  );
  if (morning === undefined || night === undefined || tomorrow === undefined) throw new Error("three times");
  const hash = hashClient("203.0.113.77", morning);
  expect(hashClient("203.0.113.77", night)).toBe(hash);
  expect(hashClient("203.0.113.78", night)).not.toBe(hash);
  expect(hashClient("203.0.113.77", tomorrow)).not.toBe(hash);
  expect(createClientHash(Buffer.alloc(32, 2))("203.0.113.77", morning)).not.toBe(hash);
});

test.each([
  ["not JSON", "{", "is not JSON"],
  ["not an object", "7", ": Invalid input"],
  ["a negative count", JSON.stringify(line({ bytes_out: -1 })), "bytes_out: "],
  ["a status that no column holds", JSON.stringify(line({ status: 70_000 })), "status: "],
  ["a time that is none", JSON.stringify(line({ time: "yesterday" })), "time: "],
  ["an owner that is none", JSON.stringify(line({ account: "" })), "account: "],
])("a line with %s is skipped and counted, the others stay", async (_what, faulty, reason) => {
  const parsed = await parse(line(), faulty, line());
  expect(parsed.rows.map((row) => row.batch_line)).toEqual([1, 3]);
  expect(parsed.faulty.count).toBe(1);
  expect(parsed.faulty.first).toContain(`line 2: `);
  expect(parsed.faulty.first).toContain(reason);
});

test("the reason of a fault never repeats what the viewer sent", async () => {
  const { faulty } = await parse(JSON.stringify({ ...line(), status: "secret-in-status" }));
  expect(faulty.first).toMatch(/status/);
  expect(faulty.first).not.toMatch(/secret/);
});

test("blank lines are nothing, and an empty batch has no rows", async () => {
  expect((await parse(line(), "", "  ", line())).rows).toHaveLength(2);
  expect(await parseBatch(Buffer.alloc(0), batch, hashClient)).toEqual({
    rows: [],
    faulty: { count: 0, first: undefined },
  });
});

test("half of a surrogate pair becomes the replacement character", async () => {
  const { rows } = await parse(JSON.stringify(line()).replace("/a.jpg", "/\\ud800x"));
  expect(rows[0]?.path).toBe("/\ufffdx");
});

test("a clock up to 5 minutes ahead is believed, beyond that the time of arrival counts", () => {
  expect(rightTime(minutes(5), now)).toEqual(minutes(5));
  expect(rightTime(minutes(5.01), now)).toEqual(now);
});

test("lines that waited keep their time, unless nothing of that time is kept", () => {
  expect(rightTime(minutes(-60 * 24 * 89), now)).toEqual(minutes(-60 * 24 * 89));
  expect(rightTime(new Date(0), now)).toEqual(now);
});
