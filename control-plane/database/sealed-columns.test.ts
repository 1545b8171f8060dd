import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { createSeal, masterKey } from "../../platform/seal.ts";
import { countByMasterKey, findSealedColumns, rewrapSealed } from "./sealed-columns.ts";
import { createTestDatabase, type TestDatabase } from "./test-database.ts";

const former = Buffer.alloc(32, 1);
const current = Buffer.alloc(32, 2);
const currentKey = masterKey(current).id;
const formerKey = masterKey(former).id;
const before = createSeal(former);
const rotated = createSeal(current, [former]);
const after = createSeal(current);

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.stop());
afterEach(() => database.db.raw("drop table if exists planted; truncate signing_key"));

const rewrap = (progress: (values: number) => void = () => {}) =>
  rewrapSealed(database.db, rotated, { currentKey, progress: (_, values) => progress(values) });

async function fillSigningKeys(count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, index) => {
    const kid = randomUUID();
    return { kid, sealed: before.seal(`value ${index}`, kid), created_at: new Date() };
  });
  await database.db.batchInsert("signing_key", rows);
}

test("every column whose name speaks of a seal is found, with the key of its table", async () => {
  const named: { table_name: string; column_name: string }[] = await database
    .db("information_schema.columns")
    .where({ table_schema: "public" })
    .where("column_name", "~", "seal")
    .select("table_name", "column_name");
  const found = await findSealedColumns(database.db);
  const nameOf = ({ table, column }: { table: string; column: string }) => `${table}.${column}`;
  expect(found.map(nameOf).sort()).toEqual(named.map((row) => `${row.table_name}.${row.column_name}`).sort());
  expect(found).toContainEqual({ table: "secret", column: "sealed", key: [{ name: "id", type: "uuid" }] });
});

test("no column keeps a secret by another name", async () => {
  const suspicious: { name: string }[] = await database
    .db("information_schema.columns")
    .where({ table_schema: "public" })
    .whereIn("data_type", ["text", "jsonb", "bytea", "character varying"])
    .where("column_name", "~", "secret|password|private|credential")
    .whereNot("column_name", "~", "seal")
    .select(database.db.raw("table_name || '.' || column_name as name"));
  expect(suspicious.map(({ name }) => name)).toEqual(["user.password_hash"]);
});

test("a value of each batch and of the last half-full one is rewrapped, and its row otherwise the same", async () => {
  await fillSigningKeys(450);
  const rowsBefore = await database.db("signing_key").orderBy("kid");
  const said: number[] = [];
  expect(await rewrap((values) => said.push(values))).toEqual({ values: 450, failures: [] });
  expect(said).toEqual([200, 400, 450]);
  const rows = await database.db("signing_key").orderBy("kid");
  expect(rows.map(({ kid, created_at }) => [kid, created_at])).toEqual(
    rowsBefore.map(({ kid, created_at }) => [kid, created_at]),
  );
  for (const { kid, sealed } of rows) expect(after.open(sealed, kid)).toMatch(/^value \d+$/);
  expect(await countByMasterKey(database.db)).toEqual(new Map([[currentKey, 450]]));
  expect(await rewrap()).toEqual({ values: 0, failures: [] });
});

test("a run that was killed leaves whole batches, and the next one does the rest", async () => {
  await fillSigningKeys(450);
  const killed = rewrap(() => {
    throw new Error("killed");
  });
  await expect(killed).rejects.toThrow("killed");
  expect(await countByMasterKey(database.db)).toEqual(
    new Map([
      [formerKey, 250],
      [currentKey, 200],
    ]),
  );
  expect(await rewrap()).toEqual({ values: 250, failures: [] });
});

test("two runs at once do each value once", async () => {
  await fillSigningKeys(450);
  const runs = await Promise.all([rewrap(), rewrap()]);
  expect(runs.reduce((sum, { values }) => sum + values, 0)).toBe(450);
  expect(await countByMasterKey(database.db)).toEqual(new Map([[currentKey, 450]]));
});

test("values that somebody replaces meanwhile stay theirs, and those behind them are not missed", async () => {
  await fillSigningKeys(450);
  const kids = (await database.db("signing_key").orderBy("kid")).slice(0, 200).map(({ kid }) => kid);
  const theirs = await database.db.transaction();
  for (const kid of kids) {
    const sealed = (kid === kids[0] ? before : after).seal("theirs", kid);
    await theirs("signing_key").where({ kid }).update({ sealed });
  }
  const run = rewrap();
  await someoneWaits();
  await theirs.commit();
  expect((await run).values).toBe(251);
  for (const { kid, sealed } of await database.db("signing_key").whereIn("kid", kids)) {
    expect(after.open(sealed, kid)).toBe("theirs");
  }
  expect(await countByMasterKey(database.db)).toEqual(new Map([[currentKey, 450]]));
});

/** Until the run stands before a row that a transaction holds. */
function someoneWaits(): Promise<void> {
  return vi.waitFor(async () => {
    const waiting = await database.db("pg_stat_activity").whereRaw("datname = current_database()").where({
      wait_event_type: "Lock",
    });
    expect(waiting).toHaveLength(1);
  }, 10_000);
}

test("columns that may be null, two in one table, keys of several columns and of microseconds", async () => {
  await database.db.raw(`create table planted (at timestamptz, name text, code_sealed jsonb, token_sealed jsonb,
    primary key (name, at))`);
  const rows = Array.from({ length: 210 }, (_, index) => ({
    at: `2026-03-01T12:00:00.000${String(index).padStart(3, "0")}Z`,
    name: "a",
    code_sealed: index === 0 ? null : before.seal(`code ${index}`, "code"),
    token_sealed: before.seal(`token ${index}`, "token"),
  }));
  await database.db.batchInsert("planted", rows);
  expect(await rewrap()).toEqual({ values: 419, failures: [] });
  const stored = await database.db("planted").orderBy("at");
  expect(stored[0].code_sealed).toBeNull();
  expect(stored.map(({ token_sealed }) => after.open(token_sealed, "token"))).toEqual(
    rows.map((_, index) => `token ${index}`),
  );
});

test("a value that was changed is told by its table and row, and stops none of the others", async () => {
  await fillSigningKeys(210);
  const [spoilt, strange] = await database.db("signing_key").orderBy("kid").limit(2);
  await database
    .db("signing_key")
    .where({ kid: spoilt.kid })
    .update({ sealed: { ...spoilt.sealed, data_key: strange.sealed.value } });
  await database
    .db("signing_key")
    .where({ kid: strange.kid })
    .update({ sealed: { key: formerKey, format: 3 } });
  const { values, failures } = await rewrap();
  expect(values).toBe(208);
  expect(failures).toEqual([
    { table: "signing_key", row: spoilt.kid, reason: "the data key does not open: it was changed" },
    { table: "signing_key", row: strange.kid, reason: "is no sealed value" },
  ]);
  expect((await countByMasterKey(database.db)).get(formerKey)).toBe(2);
});
