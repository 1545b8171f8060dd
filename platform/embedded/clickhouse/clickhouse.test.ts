// The embedded ClickHouse, driven by the unchanged @clickhouse/client, as the product does.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createLogger } from "../../log.ts";
import { startClickHouse } from "./start.ts";

const folder = mkdtempSync(join(tmpdir(), "edgewright-clickhouse's test-"));
const log = createLogger({ role: "test", level: "silent" });
let service: Awaited<ReturnType<typeof startClickHouse>>;
let client: ClickHouseClient;

beforeAll(async () => {
  service = await startClickHouse({ folder, log });
  client = createClient({ url: service.url, log: { level: ClickHouseLogLevel.OFF } });
});

afterAll(async () => {
  await client.close();
  await service.part.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function rows<Row>(
  query: string,
  options: { params?: Record<string, unknown>; settings?: Record<string, string | number> } = {},
) {
  const result = await client.query({
    query,
    format: "JSONEachRow",
    query_params: options.params ?? {},
    clickhouse_settings: options.settings ?? {},
  });
  return result.json<Row>();
}

async function table(definition: string): Promise<string> {
  const name = `t_${Math.random().toString(36).slice(2)}`;
  await client.command({ query: `CREATE TABLE ${name} ${definition}` });
  return name;
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test("the client's pings are answered, with and without a query", async () => {
  expect(await client.ping()).toEqual({ success: true });
  expect(await client.ping({ select: true })).toEqual({ success: true });
});

test("a wrong password is an authentication failure", async () => {
  const stranger = createClient({
    url: service.url.replace(/:[^:@]+@/, ":wrong@"),
    log: { level: ClickHouseLogLevel.OFF },
  });
  onTestFinished(() => stranger.close());
  const error = await failure(stranger.query({ query: "SELECT 1" }));
  expect(error).toBeInstanceOf(ClickHouseError);
  expect(error).toMatchObject({ code: "516", type: "AUTHENTICATION_FAILED" });
});

test("parameters arrive as they are, whatever they hold", async () => {
  const hostile = `'; DROP TABLE x; -- \\ " \n \t \u0000 {a:String} é 日本 \\n`;
  const [row] = await rows(
    "SELECT {text:String} AS text, {n:UInt32} AS n, {list:Array(String)} AS list, {t:DateTime64(3, 'UTC')} AS t",
    {
      params: { text: hostile, n: 7, list: ["a", "b'c\\"], t: new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678)) },
    },
  );
  expect(row).toEqual({ text: hostile, n: 7, list: ["a", "b'c\\"], t: "2026-01-02 03:04:05.678" });
});

test("a parameter may be long", async () => {
  const long = "x".repeat(200_000);
  expect(await rows("SELECT toUInt32(length({text:String})) AS length", { params: { text: long } })).toEqual([
    { length: 200_000 },
  ]);
});

test("settings hold for their own query alone", async () => {
  const query = "SELECT toUInt32(getSetting('max_threads')) AS threads, getSetting('log_comment') AS comment";
  const [set] = await rows<{ threads: number }>(query, { settings: { max_threads: 3 } });
  expect(set?.threads).toBe(3);
  const [unset] = await rows<{ threads: number }>(query);
  expect(unset?.threads).not.toBe(3);
});

test("an unknown setting, table and a syntax error are typed errors", async () => {
  expect(await failure(rows("SELECT 1", { settings: { no_such_setting: 1 } }))).toMatchObject({
    code: "115",
    type: "UNKNOWN_SETTING",
  });
  expect(await failure(rows("SELECT * FROM nowhere"))).toMatchObject({ code: "60", type: "UNKNOWN_TABLE" });
  expect(await failure(rows("SELEC 1"))).toMatchObject({ code: "62", type: "SYNTAX_ERROR" });
});

test("a query that fails midway leaves nothing in the next answers", async () => {
  for (let round = 0; round < 5; round += 1) {
    expect(await failure(rows("SELECT throwIf(number = 100000) FROM numbers(1000000)"))).toMatchObject({ code: "395" });
    expect(await rows("SELECT 1 AS one")).toEqual([{ one: 1 }]);
  }
});

test("rows are inserted from values, with empty lines, semicolons and SQL in them", async () => {
  const name = await table("(id UInt32, text String) ENGINE = MergeTree ORDER BY id");
  const values = [
    { id: 1, text: "a;b" },
    { id: 2, text: "\n\n; DROP TABLE x" },
  ];
  const { summary } = await client.insert({ table: name, values, format: "JSONEachRow" });
  expect(summary?.written_rows).toBe("2");
  expect(await rows(`SELECT * FROM ${name} ORDER BY id`)).toEqual(values);
});

test("an empty line in an insert's data neither ends it nor makes SQL of the rest", async () => {
  const name = await table("(id UInt32, text String) ENGINE = MergeTree ORDER BY id");
  const data = '1,"x\n\ny"\n2,"SELECT 1;\n\nDROP TABLE x"\n';
  await client.insert({
    table: name,
    values: Readable.from([Buffer.from(data)], { objectMode: false }),
    format: "CSV",
  });
  expect(await rows(`SELECT * FROM ${name} ORDER BY id`)).toEqual([
    { id: 1, text: "x\n\ny" },
    { id: 2, text: "SELECT 1;\n\nDROP TABLE x" },
  ]);
});

test("a stream of rows is inserted, and no file of it stays behind", async () => {
  const name = await table("(id UInt32) ENGINE = MergeTree ORDER BY id");
  function* numbers() {
    for (let id = 0; id < 20_000; id += 1) yield { id };
  }
  await client.insert({ table: name, values: Readable.from(numbers()), format: "JSONEachRow" });
  expect(await rows(`SELECT toUInt32(count()) AS rows, toUInt32(max(id)) AS max FROM ${name}`)).toEqual([
    { rows: 20_000, max: 19_999 },
  ]);
  expect(readdirSync(join(folder, "incoming"))).toEqual([]);
});

test("an insert of no rows is no error", async () => {
  const name = await table("(id UInt32) ENGINE = MergeTree ORDER BY id");
  await client.insert({ table: name, values: Readable.from([], { objectMode: true }), format: "JSONEachRow" });
  expect(await rows(`SELECT * FROM ${name}`)).toEqual([]);
});

test("an insert that cannot be read is a typed error and inserts nothing", async () => {
  const name = await table("(id UInt32) ENGINE = MergeTree ORDER BY id");
  const error = await failure(client.insert({ table: name, values: [{ id: 1 }, { id: "x" }], format: "JSONEachRow" }));
  expect(error).toMatchObject({ type: expect.stringMatching(/CANNOT_PARSE/) });
  expect(await rows(`SELECT * FROM ${name}`)).toEqual([]);
});

test("the same deduplication token inserts once, in the table and in its roll-up", async () => {
  const window = "SETTINGS non_replicated_deduplication_window = 100";
  const raw = await table(`(id UInt32, bytes UInt64) ENGINE = MergeTree ORDER BY id ${window}`);
  const rollup = await table(`(id UInt32, bytes UInt64) ENGINE = SummingMergeTree ORDER BY id ${window}`);
  await client.command({
    query: `CREATE MATERIALIZED VIEW ${raw}_view TO ${rollup} AS SELECT id, sum(bytes) AS bytes FROM ${raw} GROUP BY id`,
  });
  const insert = (token: string) =>
    client.insert({
      table: raw,
      values: [{ id: 1, bytes: 10 }],
      format: "JSONEachRow",
      clickhouse_settings: { insert_deduplication_token: token, deduplicate_blocks_in_dependent_materialized_views: 1 },
    });
  await insert("batch-1");
  await insert("batch-1");
  await insert("batch-2");
  expect(await rows(`SELECT toUInt32(count()) AS rows FROM ${raw}`)).toEqual([{ rows: 2 }]);
  expect(await rows(`SELECT toUInt32(sum(bytes)) AS bytes FROM ${rollup}`)).toEqual([{ bytes: 20 }]);
});

test("bodies travel compressed in both directions", async () => {
  const compressed = createClient({ url: service.url, compression: { request: true, response: true } });
  onTestFinished(() => compressed.close());
  const name = await table("(id UInt32, text String) ENGINE = MergeTree ORDER BY id");
  const values = Array.from({ length: 1000 }, (_, id) => ({ id, text: "edge ".repeat(20) }));
  await compressed.insert({ table: name, values, format: "JSONEachRow" });
  const result = await compressed.query({ query: `SELECT * FROM ${name} ORDER BY id`, format: "JSONEachRow" });
  expect(result.response_headers["content-encoding"]).toBe("gzip");
  expect(await result.json()).toEqual(values);
});

test("fifty queries at once are each answered with their own rows", async () => {
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) => rows("SELECT {n:UInt32} AS n, sleep(0.01) AS slept", { params: { n } })),
  );
  expect(answers).toEqual(Array.from({ length: 50 }, (_, n) => [{ n, slept: 0 }]));
});

test("a query whose caller goes away is ended", async () => {
  const leaving = new AbortController();
  const endless = client.query({
    query: "SELECT count() FROM numbers_mt(1000000000000) WHERE sipHash64(number) = 1 /* endless */",
    abort_signal: leaving.signal,
  });
  const running = () =>
    rows("SELECT query_id FROM system.processes WHERE query LIKE '%endless%' AND query NOT LIKE '%processes%'");
  await expect.poll(running, { timeout: 5000 }).toHaveLength(1);
  leaving.abort();
  expect(await failure(endless)).toBeInstanceOf(Error);
  await expect.poll(running, { timeout: 5000 }).toEqual([]);
});

test("what was inserted is there after a kill -9, at the same address", async () => {
  const name = await table("(id UInt32) ENGINE = MergeTree ORDER BY id");
  await client.insert({ table: name, values: [{ id: 42 }], format: "JSONEachRow" });
  const before = service.part.pid();
  expect(before).toBeTypeOf("number");
  if (before !== undefined) process.kill(before, "SIGKILL");
  await expect.poll(() => rows(`SELECT id FROM ${name}`), { timeout: 10_000 }).toEqual([{ id: 42 }]);
  expect(service.part.pid()).not.toBe(before);
});
