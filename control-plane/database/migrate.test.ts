import { afterAll, beforeAll, expect, test } from "vitest";
import { migrateDown, migrateUp, pendingMigrations } from "./migrate.ts";
import { createTestDatabase, type TestDatabase } from "./test-database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.stop());

test("a migrated database waits for nothing, and migrating it again does nothing", async () => {
  expect(await pendingMigrations(database.url)).toEqual([]);
  expect(await migrateUp(database.url)).toEqual([]);
});

test("every migration goes down and up again, and leaves the same tables", async () => {
  const before = await tables();
  const taken: string[] = [];
  for (let names = await migrateDown(database.url); names.length > 0; names = await migrateDown(database.url)) {
    taken.push(...names);
  }
  expect(await tables()).toEqual([]);
  expect(await pendingMigrations(database.url)).toEqual([...taken].reverse());

  // Two that start together: one does the work, the other waits for it.
  const [one, other] = await Promise.all([migrateUp(database.url), migrateUp(database.url)]);
  expect([...one, ...other]).toEqual([...taken].reverse());
  expect(await tables()).toEqual(before);
});

async function tables(): Promise<unknown[]> {
  return database
    .db("information_schema.columns")
    .where("table_schema", "public")
    .whereNot("table_name", "like", "knex%")
    .orderBy(["table_name", "ordinal_position"])
    .select("table_name", "column_name", "data_type", "is_nullable");
}
