import { afterAll, beforeAll, expect, test } from "vitest";
import { dependencyAway } from "../http/problems.ts";
import { askClickHouse, clickHouseDependency, connectClickHouse } from "./clickhouse.ts";
import { migrateClickHouse, statementsOf } from "./clickhouse-migrate.ts";
import { createTestClickHouse, type TestClickHouse } from "./test-clickhouse.ts";

const NOBODY = "http://127.0.0.1:9/edgewright";
const soon = () => AbortSignal.timeout(5_000);

let server: TestClickHouse;
beforeAll(async () => {
  server = await createTestClickHouse();
});
afterAll(() => server.stop());

test("statements end with a semicolon at the end of a line, and comment lines fall away", () => {
  const text = "-- what it is\nCREATE TABLE a (s String DEFAULT ';' -- not here\n);\n\nDROP TABLE b ; \nSELECT ';'";
  expect(statementsOf(text).map((statement) => statement.text)).toEqual([
    "CREATE TABLE a (s String DEFAULT ';' -- not here\n)",
    "DROP TABLE b",
    "SELECT ';'",
  ]);
});

test("a comment may say when its statement runs", () => {
  expect(statementsOf("-- if: SELECT 1 = 1\n-- Because.\nDROP TABLE a;\nDROP TABLE b;\n-- the end")).toEqual([
    { text: "DROP TABLE a", condition: "SELECT 1 = 1" },
    { text: "DROP TABLE b", condition: undefined },
  ]);
});

test("what has run does not run again", async () => {
  expect(await migrateClickHouse(server.url)).toEqual([]);
});

test("two that migrate at once do no harm", async () => {
  await server.clickhouse.command({ query: "DROP TABLE clickhouse_migration" });
  await Promise.all([migrateClickHouse(server.url), migrateClickHouse(server.url)]);
  expect(await migrateClickHouse(server.url)).toEqual([]);
});

test("a migration that was changed after it had run is refused by name", async () => {
  await server.clickhouse.insert({
    table: "clickhouse_migration",
    values: [{ name: "0001_access_log.sql", hash: "another" }],
    format: "JSONEachRow",
  });
  await expect(migrateClickHouse(server.url)).rejects.toThrow("0001_access_log.sql was changed after it had run");
});

test("the dependency passes while ClickHouse answers, and fails when it does not", async () => {
  await expect(clickHouseDependency(server.clickhouse).check(soon())).resolves.toBeUndefined();
  const nobody = connectClickHouse(NOBODY);
  await expect(clickHouseDependency(nobody.clickhouse).check(soon())).rejects.toThrow(/ECONNREFUSED/);
  await nobody.part.stop();
});

test("a wrong password is a failing dependency", async () => {
  const url = new URL(server.url);
  url.password = "wrong";
  const stranger = connectClickHouse(url.href);
  await expect(clickHouseDependency(stranger.clickhouse).check(soon())).rejects.toThrow(/authentication/i);
  await stranger.part.stop();
});

test("a ClickHouse that is away is the 503 that names it; a fault of our own stays one", async () => {
  const nobody = connectClickHouse(NOBODY);
  const away = askClickHouse(() => nobody.clickhouse.query({ query: "SELECT 1" }));
  await expect(away).rejects.toMatchObject({ kind: dependencyAway, detail: expect.stringContaining("clickhouse") });
  await nobody.part.stop();
  const wrong = askClickHouse(() => server.clickhouse.query({ query: "SELECT nothing FROM nowhere" }));
  await expect(wrong).rejects.toMatchObject({ code: "60" });
});
