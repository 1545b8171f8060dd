// Log lines straight to a real ClickHouse, as a user with the rights that the runbook gives and no others: every line once,
// whoever is killed; and without the control plane for a week.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { appendFile, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { createTestClickHouse, type TestClickHouse } from "../../control-plane/database/test-clickhouse.ts";
import { createLogger } from "../../platform/log.ts";
import { clientHash, saltFromKey } from "../access-log/client-hash.ts";
import { batchOf, line } from "../access-log/test-lines.ts";
import { openSalts, type Salts } from "./salts.ts";
import { noShippingCounts, shipLogs } from "./ship.ts";
import { toClickHouse } from "./to-clickhouse.ts";

const DAY_MS = 24 * 3600 * 1000;
const SCRIPT = fileURLToPath(new URL("./shipping.fixture.ts", import.meta.url));
const key = Buffer.alloc(32, 3);
const log = createLogger({ role: "test", level: "silent" });
const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);

let server: TestClickHouse;
let folder: string;
let edgeId: string;
let isAway: boolean;
let stop: () => Promise<void>;

beforeAll(async () => {
  server = await createTestClickHouse();
  await server.allowOnly(await rightsOfEdges());
});
afterAll(() => server?.stop());

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgewright-direct-"));
  [edgeId, isAway, stop] = [randomUUID(), false, async () => {}];
});
afterEach(async () => {
  await stop();
  await rm(folder, { recursive: true, force: true });
});

async function rightsOfEdges(): Promise<string[]> {
  const runbook = await readFile(new URL("../../docs/runbooks/edges.md", import.meta.url), "utf8");
  return [...runbook.matchAll(/^(GRANT .+ ON )(\w+) TO edge;$/gm)].map(
    ([, rights, table]) => `${rights}edgewright.${table}`,
  );
}

/** The control plane's answer. */
async function ask(from: string) {
  if (isAway) throw new Error("the control plane is away");
  const days = Array.from({ length: 99 }, (_, index) => dayOf(Date.parse(from) + index * DAY_MS));
  const salts = days.filter((day) => day <= dayOf(Date.now() + 7 * DAY_MS));
  return { salts: salts.map((day) => ({ day, salt: saltFromKey(key, day).toString("base64") })) };
}

const openFolderSalts = (clock = () => new Date()) => openSalts({ path: join(folder, "salts.json"), ask, clock, log });

/** Keeps the salts of the coming week on the disk, as an agent does as soon as it runs. */
async function keepSalts(salts: Salts): Promise<void> {
  const running = new AbortController();
  const run = salts.run(running.signal);
  await expect.poll(() => salts.of(dayOf(Date.now() + 6 * DAY_MS))).toBeDefined();
  running.abort();
  await run;
}

function ship(salts: Salts): void {
  const stopping = new AbortController();
  const findPlace = () => ({ country: "NZ", asn: 64_500 });
  const destination = toClickHouse({ url: server.url, salts, findPlace, log });
  const running = shipLogs(
    {
      ...{ folder, edgeId: () => edgeId, rotateBytes: 1e9, unsentBytesMax: 1e9, diskFreeBytesMin: 0 },
      ...{ destination, reopen: () => {}, counts: noShippingCounts(), log },
      pauses: { lookEveryMs: 50, againAfterMs: 30 },
    },
    stopping.signal,
  );
  stop = async () => {
    stopping.abort();
    await running;
    await destination.close();
  };
}

const write = (...lines: Parameters<typeof batchOf>[0]) => appendFile(join(folder, "access.log"), batchOf(lines).body);

const countsSchema = z.tuple([z.object({ rows: z.coerce.number(), requests: z.coerce.number() })]);

async function stored(): Promise<{ rows: number; requests: number }> {
  const answer = await server.clickhouse
    .query({
      query: "SELECT count() AS rows, uniqExact(request_id) AS requests FROM access_log WHERE edge_id = {id:UUID}",
      query_params: { id: edgeId },
      format: "JSONEachRow",
    })
    .then((found) => found.json())
    // Killed a moment ago.
    .catch(() => [{ rows: -1, requests: -1 }]);
  return countsSchema.parse(answer)[0];
}

test("a line is the row that the control plane would have made of it", async () => {
  const salts = await openFolderSalts();
  const time = (Date.now() / 1000).toFixed(3);
  await write(line({ time, client: "203.0.113.7", path: "/here", host: "WWW.example.com" }));
  ship(salts);
  await expect.poll(stored, { timeout: 10_000 }).toEqual({ rows: 1, requests: 1 });
  const answer = await server.clickhouse.query({
    query: `SELECT path, country, asn, provider, user_agent_family, toString(client_hash) AS client_hash,
      toUnixTimestamp64Milli(time) / 1000 AS time FROM access_log WHERE edge_id = {id:UUID}`,
    query_params: { id: edgeId },
    format: "JSONEachRow",
  });
  expect(await answer.json()).toEqual([
    {
      ...{ path: "/here", country: "NZ", asn: 64_500, provider: "gotipath", user_agent_family: "curl" },
      client_hash: clientHash(saltFromKey(key, dayOf(Number(time) * 1000)), "203.0.113.7"),
      time: Number(time),
    },
  ]);
});

test.each([
  "SELECT * FROM doubtful_hour",
  "SELECT * FROM traffic_minute",
  "SELECT * FROM clickhouse_migration",
  "INSERT INTO traffic_minute (account_id) VALUES (generateUUIDv4())",
  "INSERT INTO reconciled (span, time) VALUES ('hour', now())",
  "ALTER TABLE access_log DELETE WHERE 1",
  "TRUNCATE TABLE access_log",
  "DROP TABLE doubtful_hour",
  "CREATE TABLE another (id UInt8) ENGINE = Memory",
  "SELECT * FROM url('http://127.0.0.1:9/', 'LineAsString')",
  "SELECT * FROM file('/etc/passwd', 'LineAsString')",
  "CREATE USER another",
])("an edge's user may not: %s", async (query) => {
  await expect(server.clickhouse.command({ query })).rejects.toMatchObject({ type: "ACCESS_DENIED" });
});

test("with the control plane away, lines of today and of the week to come are stored, by the next agent too", async () => {
  await keepSalts(await openFolderSalts());
  expect((await stat(join(folder, "salts.json"))).mode & 0o777).toBe(0o600);
  isAway = true;
  const next = await openFolderSalts();
  for (let days = 0; days <= 6; days += 1) expect(next.of(dayOf(Date.now() + days * DAY_MS))).toBeDefined();
  await write(line(), line());
  ship(next);
  await expect.poll(stored, { timeout: 10_000 }).toEqual({ rows: 2, requests: 2 });
});

test("lines of a day whose salt is not here wait until the control plane has told it", async () => {
  isAway = true;
  const old = (Date.now() - 20 * DAY_MS) / 1000;
  await write(line({ time: old.toFixed(3) }));
  let asked = 0;
  const salts = await openFolderSalts();
  ship({
    ...salts,
    fetch: async (from, signal) => {
      asked += 1;
      await salts.fetch(from, signal);
    },
  });
  await expect.poll(() => asked, { timeout: 10_000 }).toBeGreaterThan(1);
  expect(await stored()).toEqual({ rows: 0, requests: 0 });
  isAway = false;
  await expect.poll(stored, { timeout: 20_000 }).toEqual({ rows: 1, requests: 1 });
}, 40_000);

test("agent and ClickHouse are killed again and again while lines are written: each is there, once", async () => {
  await keepSalts(await openFolderSalts());
  const agents: ChildProcess[] = [];
  const start = () => {
    const agent = spawn(process.execPath, ["--import", "tsx", SCRIPT, folder, server.url, edgeId], { stdio: "ignore" });
    agents.push(agent);
    return agent;
  };
  const kill = async (agent: ChildProcess) => {
    const over = once(agent, "exit");
    agent.kill("SIGKILL");
    await over;
  };
  let written = 0;
  const writeMany = async (count: number) => {
    written += count;
    await write(...Array.from({ length: count }, () => line()));
  };
  stop = async () => {
    for (const agent of agents.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
      await kill(agent);
    }
  };
  await writeMany(500);
  for (const pauseMs of [10, 40, 90]) {
    const agent = start();
    const before = (await stored()).rows;
    await expect.poll(async () => (await stored()).rows, { timeout: 20_000, interval: 20 }).toBeGreaterThan(before);
    await writeMany(3_000);
    await wait(pauseMs);
    if (pauseMs === 40) server.kill();
    await kill(agent);
    await writeMany(500);
  }
  start();
  await expect.poll(stored, { timeout: 40_000, interval: 200 }).toEqual({ rows: written, requests: written });
}, 90_000);
