import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { NEWEST_FIRST, PAGE_KEY, type PageQuery, pageOf, pageSchema, rowsAfter } from "./paging.ts";
import { createTestDatabase, type TestDatabase } from "./test-database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.stop());

async function listNames(page: PageQuery): Promise<{ data: string[]; next_cursor: string | null }> {
  const { db } = database;
  const rows = await db("account")
    .select("id", "name", db.raw(PAGE_KEY))
    .whereRaw(...rowsAfter(page))
    .orderByRaw(NEWEST_FIRST)
    .limit(page.limit + 1);
  return pageOf(rows, page, (row) => row.name);
}

test("pages follow one another without a gap or a repeat, also among rows of the same microsecond", async () => {
  const times = ["10:00:00.000001", "10:00:00.000002", "10:00:00.000002", "10:00:00.000002", "10:00:00.000003"];
  const names = times.map((_time, index) => `a${index}`);
  await database
    .db("account")
    .insert(times.map((time, index) => ({ id: randomUUID(), name: names[index], created_at: `2026-01-01T${time}Z` })));
  const seen: string[] = [];
  let cursor: string | null | undefined;
  while (cursor !== null) {
    const page = await listNames({ limit: 2, cursor });
    expect(page.data.length).toBeLessThanOrEqual(2);
    seen.push(...page.data);
    cursor = page.next_cursor;
    // A row that comes in between is newer than the cursor, so it moves nothing.
    await database.db("account").insert({ id: randomUUID(), name: "newer", created_at: "2026-01-02T00:00:00Z" });
  }
  expect([...seen].sort()).toEqual(names);
  expect(seen[0]).toBe("a4");
  expect(seen.at(-1)).toBe("a0");
});

test.each(["x", "bnVsbA", Buffer.from(JSON.stringify(["'; drop table account", randomUUID()])).toString("base64url")])(
  "the cursor %j is a fault of the request",
  async (cursor) => {
    await expect(listNames({ limit: 2, cursor })).rejects.toMatchObject({
      kind: { status: 422 },
      errors: [{ pointer: "?cursor" }],
    });
  },
);

test("a page shows what an item of it shows", () => {
  const book = z.object({ title: z.string() });
  const shown = pageSchema(book.meta({ examples: [{ title: "Emma" }] })).meta();
  expect(shown).toEqual({ examples: [{ data: [{ title: "Emma" }], next_cursor: null }] });
  expect(pageSchema(book).meta()).toBeUndefined();
});
