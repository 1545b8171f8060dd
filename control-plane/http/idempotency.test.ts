import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import knex from "knex";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { connectDatabase } from "../database/connection.ts";
import { createTestDatabase, type TestDatabase } from "../database/test-database.ts";
import { deleteOldKeys } from "./idempotency-store.ts";
import { createOrders, startShop } from "./test-shop.ts";

type Shop = Awaited<ReturnType<typeof startShop>>;

let database: TestDatabase;
let shop: Shop;
let branch: Shop;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  await createOrders(database.db);
  shop = await startShop(database.db);
  // Another process, with a pool of its own.
  const { db, part } = connectDatabase(database.url, { poolMax: 4, applicationName: "branch" });
  branch = await startShop(db, { transactionsMax: 2 });
  stops.push(branch.stop, part.stop);
});

afterAll(async () => {
  await shop.stop();
  for (const stop of stops) await stop();
  await database.stop();
});

const aKey = () => `"${randomUUID()}"`;

interface Order {
  readonly key?: string;
  readonly path?: string;
  readonly caller?: string;
  readonly prefer?: string;
  readonly url?: string;
}

function order(body: unknown, { key, path = "/orders", caller = "ada", prefer, url = shop.url }: Order = {}) {
  return fetch(`${url}/api/v1${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${caller}`,
      ...(key === undefined ? {} : { "idempotency-key": key }),
      ...(prefer === undefined ? {} : { prefer }),
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(15_000),
  });
}

async function ordersOf(item: string): Promise<number> {
  return (await database.db("shop_order").where({ item })).length;
}

test("a repeat gets the same answer, headers and secrets among them, and nothing is done again", async () => {
  const key = aKey();
  const first = await order({ item: "tea" }, { key });
  const second = await order({ item: "tea" }, { key, url: branch.url });
  expect([first.status, first.headers.get("idempotency-replayed")]).toEqual([201, null]);
  expect([second.status, second.headers.get("idempotency-replayed")]).toEqual([201, "true"]);
  expect(second.headers.get("location")).toBe(first.headers.get("location"));
  expect(await second.text()).toBe(await first.text());
  expect(await ordersOf("tea")).toBe(1);
});

test("the key with another body or path is a 422 that says so", async () => {
  const key = aKey();
  expect((await order({ item: "salt" }, { key })).status).toBe(201);
  for (const reply of [
    await order({ item: "salt", gift: true }, { key }),
    await order({ item: "salt" }, { key, path: "/gifts" }),
  ]) {
    expect([reply.status, await reply.json()]).toMatchObject([
      422,
      { type: "urn:edgewright:problem:idempotency-key-reused" },
    ]);
  }
  expect(await ordersOf("salt")).toBe(1);
});

test("a key is its caller's own: another user, account or API token has another one by that name", async () => {
  const key = aKey();
  for (const caller of ["ada", "grace", "ada/a2", "ada/a1/t1"]) {
    const reply = await order({ item: "rice" }, { key, caller });
    expect([reply.status, reply.headers.get("idempotency-replayed")]).toEqual([201, null]);
  }
  expect(await ordersOf("rice")).toBe(4);
});

test("twenty at once, in two processes, are one order and one answer", async () => {
  const key = aKey();
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, index) => order({ item: "bread" }, { key, url: index % 2 ? shop.url : branch.url })),
  );
  expect(replies.map((reply) => reply.status)).toEqual(Array.from({ length: 20 }, () => 201));
  expect(new Set(await Promise.all(replies.map((reply) => reply.text()))).size).toBe(1);
  expect(replies.filter((reply) => reply.headers.get("idempotency-replayed") === null)).toHaveLength(1);
  expect(await ordersOf("bread")).toBe(1);
});

test("many keys at once leave each other enough connections to read on", async () => {
  const replies = await Promise.all(Array.from({ length: 40 }, () => order({ item: "milk" }, { key: aKey() })));
  expect(replies.map((reply) => reply.status)).toEqual(Array.from({ length: 40 }, () => 201));
});

test("what fails is not kept: no row of the change, none of the key, and the next try is a fresh one", async () => {
  const key = aKey();
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const reply = await order({ item: "sold out" }, { key });
    expect([reply.status, reply.headers.get("idempotency-replayed")]).toEqual([409, null]);
  }
  expect((await order({ item: "lie" }, { key })).status).toBe(500);
  expect([await ordersOf("sold out"), await ordersOf("lie")]).toEqual([0, 0]);
  expect((await order({ item: "soap" }, { key })).status).toBe(201);
});

test("what is kept holds no secret that can be read in the database", async () => {
  const key = aKey();
  const { secret } = z.object({ secret: z.string() }).parse(await (await order({ item: "wine" }, { key })).json());
  const rows = await database.db("idempotency_key").where({ key });
  expect(rows).toHaveLength(1);
  expect(JSON.stringify(rows)).not.toContain(secret);
  expect(JSON.stringify(rows)).not.toContain("wine");
});

test.each(["", "two words", "ä", "x".repeat(256)])("the key %j is a 422 that names the header", async (key) => {
  const reply = await order({ item: "glass" }, { key: Buffer.from(key, "utf8").toString("latin1") });
  expect([reply.status, await reply.json()]).toMatchObject([422, { errors: [{ pointer: "Idempotency-Key" }] }]);
  expect(await ordersOf("glass")).toBe(0);
});

test("a route that says so does not heed a key", async () => {
  const key = aKey();
  for (let attempt = 0; attempt < 2; attempt += 1) await order({ item: "sample" }, { key, path: "/samples" });
  expect(await ordersOf("sample")).toBe(2);
});

test("with Prefer: wait the outcome is answered, and a repeat gets the first answer", async () => {
  const key = aKey();
  const waited = await order({ item: "cake" }, { key, prefer: "wait=5" });
  expect(await waited.json()).toMatchObject({ item: "cake, packed" });
  const replayed = await order({ item: "cake" }, { key, prefer: "wait=5" });
  expect([replayed.headers.get("preference-applied"), await replayed.json()]).toMatchObject([null, { item: "cake" }]);
});

test("a repeat that has waited long enough for the first is told to come again", async () => {
  const connection = { connectionString: database.url, statement_timeout: 200 };
  const db = knex({ client: "pg", connection, pool: { min: 0, max: 4 } });
  const impatient = await startShop(db, { transactionsMax: 2 });
  const key = aKey();
  const begun = once(shop.events, "begun");
  const first = order({ item: "slow" }, { key });
  await begun;
  const twin = await order({ item: "slow" }, { key, url: impatient.url });
  expect([twin.status, twin.headers.get("retry-after"), await twin.json()]).toMatchObject([
    409,
    "2",
    { type: "urn:edgewright:problem:idempotency-key-in-use" },
  ]);
  shop.events.emit("go on");
  expect((await first).status).toBe(201);
  const again = await order({ item: "slow" }, { key, url: impatient.url });
  expect([again.status, again.headers.get("idempotency-replayed")]).toEqual([201, "true"]);
  expect(await ordersOf("slow")).toBe(1);
  await impatient.stop();
  await db.destroy();
});

test("after a day an answer is forgotten, and its key is free before that is tidied up", async () => {
  const [old, young] = [aKey(), aKey()];
  await order({ item: "fish" }, { key: old });
  await order({ item: "fish" }, { key: young });
  const aged = () =>
    database.db.raw("update idempotency_key set created_at = created_at - interval '24 hours' where key = ?", [old]);
  await aged();
  expect((await order({ item: "eels" }, { key: old })).headers.get("idempotency-replayed")).toBeNull();
  await aged();
  expect(await deleteOldKeys(database.db)).toBe(1);
  expect((await order({ item: "fish" }, { key: young })).headers.get("idempotency-replayed")).toBe("true");
});

test.each([
  ["in the middle of the change", "slow", "slow", undefined, null],
  ["after the change, before its answer", "never packed", "packing", "wait=5", "true"],
])("a process that is killed %s, and a retry, make exactly one", async (_when, item, moment, prefer, replayed) => {
  const script = fileURLToPath(new URL("./shop.fixture.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", script, database.url], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const url = z.string().parse((await said.next()).value);
  const before = await ordersOf(item);
  const key = aKey();
  const asked = order({ item }, { key, url, ...(prefer === undefined ? {} : { prefer }) });
  const lost = expect(asked).rejects.toThrow();
  while ((await said.next()).value !== moment);
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
  await lost;
  shop.events.on("begun", () => setImmediate(() => shop.events.emit("go on")));
  const retried = await order({ item }, { key });
  expect([retried.status, retried.headers.get("idempotency-replayed")]).toEqual([201, replayed]);
  expect((await ordersOf(item)) - before).toBe(1);
});
