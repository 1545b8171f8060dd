import { expect, test } from "vitest";
import { saltFromKey } from "./client-hash.ts";
import { accessLogColumns, packRows, withoutNumbers } from "./packed-rows.ts";
import type { AccessLogRow } from "./row.ts";
import { createRows } from "./rows.ts";
import { batchOf, line } from "./test-lines.ts";

const key = Buffer.alloc(32, 1);
const makeRows = createRows({ saltOf: (day) => saltFromKey(key, day), findPlace: () => ({ country: "", asn: 0 }) });
const batch = {
  id: `${"0".repeat(15)}f${"a".repeat(48)}`,
  edgeId: "6f1e3f0e-64c5-4b52-9a0c-1d1a2a0f1f11",
  receivedAt: new Date("2026-05-04T12:00:00Z"),
};

async function rowsOf(...lines: Parameters<typeof batchOf>[0]): Promise<readonly AccessLogRow[]> {
  const rows: AccessLogRow[] = [];
  for await (const some of makeRows(batchOf(lines).body, batch)) rows.push(...some.rows);
  return rows;
}

const cellsOf = (text: string) => text.split("\t");
const cell = (text: string, column: (typeof accessLogColumns)[number]) =>
  cellsOf(text)[accessLogColumns.indexOf(column)];

test("a row is one line of text with all its columns, whatever stands in them", async () => {
  const { text, numbers } = packRows(await rowsOf(line({ path: "/a\tb\\N\r\nc", query: "\\" }), line({ path: "/x" })));
  const lines = text.toString().split("\n");
  expect(lines).toHaveLength(3);
  expect(lines.pop()).toBe("");
  for (const each of lines) expect(cellsOf(each)).toHaveLength(accessLogColumns.length);
  expect(cell(lines[0] ?? "", "path")).toBe("/a\\tb\\\\N\\r\\nc");
  expect(cell(lines[0] ?? "", "query")).toBe("\\\\");
  expect(cell(lines[1] ?? "", "origin_ms")).toBe("\\N");
  expect(cell(lines[1] ?? "", "batch_id")).toBe("15");
  expect(numbers).toEqual([1, 2]);
});

test("it is known between which times and in which hours the rows lie", async () => {
  const packed = packRows(await rowsOf(line({ time: "1777895999.999" }), line({ time: "1777896000.001" })));
  expect([packed.fromMs, packed.toMs]).toEqual([1_777_895_999_999, 1_777_896_000_001]);
  expect([...packed.hours]).toEqual([1_777_892_400, 1_777_896_000]);
});

test("rows that are stored already are left out, and the others stay as they are", async () => {
  const rows = await rowsOf(line({ path: "/1" }), line({ path: "/2\n" }), line({ path: "/3" }));
  const packed = packRows(rows);
  expect(withoutNumbers(packed, new Set([9]))).toBe(packed);
  expect(withoutNumbers(packed, new Set([1, 3])).text).toEqual(packRows(rows.slice(1, 2)).text);
  expect(withoutNumbers(packed, new Set([2])).numbers).toEqual([1, 3]);
  expect(withoutNumbers(packed, new Set([1, 2, 3])).text).toHaveLength(0);
});

test("no rows are no text", () => {
  expect(packRows([])).toMatchObject({ numbers: [], text: Buffer.alloc(0) });
});

test("half of a surrogate pair becomes the replacement character, which ClickHouse takes", async () => {
  const [row] = await rowsOf(JSON.stringify(line()).replace("/a.jpg", "/\\ud800x"));
  expect(cell(packRows(row === undefined ? [] : [row]).text.toString(), "path")).toBe("/\ufffdx");
});
