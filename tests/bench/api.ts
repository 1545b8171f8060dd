// What the API costs: reads of one distribution and of a list of 50, beside bare Koa with the same JSON, and creations. The
// server has one core to itself, with authentication, rate limits and logging on; stores and load are on the other.
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import autocannon from "autocannon";
import { z } from "zod";
import { migrateClickHouse } from "../../control-plane/database/clickhouse-migrate.ts";
import { migrateUp } from "../../control-plane/database/migrate.ts";
import { startClickHouse } from "../../platform/embedded/clickhouse/start.ts";
import { pickPort } from "../../platform/embedded/ports.ts";
import { startPostgres } from "../../platform/embedded/postgres.ts";
import { startRedis } from "../../platform/embedded/redis.ts";
import { testTools } from "../../platform/embedded/test-services.ts";
import { type Part, stopInReverse } from "../../platform/lifecycle.ts";
import { createLogger } from "../../platform/log.ts";
import { type Api, apiAt, register } from "../system/api.ts";
import { PROGRAM, temporaryFolder } from "../system/product.ts";
import { type PinnedServer, startPinned } from "./pinned.ts";

const ROUNDS = 5;
const ROUND_S = 6;
const WARM_UP_S = 4;
const CONNECTIONS = 32;
const CREATING_CONNECTIONS = 16;
const LISTED = 50;
const SERVER_CORE = 0;
const UNLIMITED = "1000000000";

const log = createLogger({ role: "bench", level: "silent" });
const created = z.looseObject({ id: z.uuid() });

async function main(): Promise<void> {
  const folder = await temporaryFolder("bench-api");
  const parts: Part[] = [{ name: "folder", stop: folder.remove }];
  try {
    const environment = await startStores(folder.path, parts);
    const server = await startServer(environment, folder.path);
    parts.push({ name: "API", stop: server.stop });
    const customer = await register(apiAt(server.url));
    const ids = await seed(customer);
    const reads = [];
    for (const { name, path } of [
      { name: "one distribution", path: `/api/v1/distributions/${ids[0]}` },
      { name: `a list of ${LISTED}`, path: `/api/v1/distributions?limit=${LISTED}` },
    ]) {
      reads.push({ read: name, ...(await measureRead(server, customer, { path, folder: folder.path })) });
    }
    const creations = await measureCreations(server, customer);
    process.stdout.write(`${JSON.stringify({ node: process.version, reads, creations }, null, 2)}\n`);
  } finally {
    await stopInReverse(parts);
  }
}

/** As `npm start` brings them up, durable. */
async function startStores(folder: string, parts: Part[]): Promise<Record<string, string>> {
  const tools = await testTools();
  const postgres = await startPostgres({ folder: join(folder, "postgres"), log });
  parts.push(postgres.part);
  const redis = await startRedis({ folder: join(folder, "redis"), log, command: tools.command("redis-server") });
  parts.push(redis.part);
  const clickhouse = await startClickHouse({ folder: join(folder, "clickhouse"), log });
  parts.push(clickhouse.part);
  await migrateUp(postgres.url);
  await migrateClickHouse(clickhouse.url);
  return {
    ...{ PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/tmp", DATA_DIR: join(folder, "data") },
    ...{
      DATABASE_URL: postgres.url,
      REDIS_URL: redis.url,
      CLICKHOUSE_URL: clickhouse.url,
      MASTER_KEY: "0f".repeat(32),
    },
    ...{ RATE_LIMIT_PER_MINUTE: UNLIMITED, RATE_LIMIT_TOKEN_PER_MINUTE: UNLIMITED, LISTEN_HOST: "127.0.0.1" },
    DISTRIBUTIONS_PER_ACCOUNT_MAX: UNLIMITED,
  };
}

async function startServer(environment: Readonly<Record<string, string>>, folder: string): Promise<PinnedServer> {
  const port = await pickPort();
  return startPinned(SERVER_CORE, {
    name: "Edgewright API",
    url: `http://127.0.0.1:${port}`,
    argv: [PROGRAM, "server:start"],
    env: { ...environment, API_PORT: String(port) },
    folder,
  });
}

async function seed(customer: Api): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let index = 0; index < LISTED; index += 1) {
    const body = { domain: `www${index}.bench.example.com`, origin: { url: "http://origin.example.com" } };
    ids.push((await customer.expect(201, created, "POST", "/api/v1/distributions", body)).id);
  }
  return ids;
}

async function measureRead(
  server: PinnedServer,
  customer: Api & { token: string },
  { path, folder }: { path: string; folder: string },
) {
  const answer = await customer.call("GET", path);
  const file = join(folder, "answer.json");
  await writeFile(file, JSON.stringify(answer.body));
  const port = await pickPort();
  const koa = await startPinned(SERVER_CORE, {
    name: "bare Koa",
    url: `http://127.0.0.1:${port}`,
    argv: ["--import", "tsx", new URL("bare-koa.ts", import.meta.url).pathname, file, String(port)],
    env: { PATH: process.env.PATH ?? "", NODE_ENV: "production" },
    folder,
  });
  try {
    const headers = { authorization: `Bearer ${customer.token}` };
    const ask = (target: PinnedServer, seconds: number) => load(target, { path, headers, seconds });
    await ask(server, WARM_UP_S);
    await ask(koa, WARM_UP_S);
    const ours: Round[] = [];
    const theirs: Round[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      progress(`${path}: round ${round + 1} of ${ROUNDS}`);
      ours.push(await ask(server, ROUND_S));
      theirs.push(await ask(koa, ROUND_S));
    }
    const ratio = median(ours.map(perCpuSecond)) / median(theirs.map(perCpuSecond));
    return {
      answer_bytes: JSON.stringify(answer.body).length,
      ours: summaryOf(ours),
      bare_koa: summaryOf(theirs),
      ratio_per_cpu_second: rounded(ratio),
      ratio_per_second: rounded(median(ours.map(perSecond)) / median(theirs.map(perSecond))),
    };
  } finally {
    await koa.stop();
  }
}

interface Round {
  readonly requests: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function load(
  server: PinnedServer,
  asked: { path: string; headers: Record<string, string>; seconds: number; connections?: number; body?: () => string },
): Promise<Round> {
  const before = await server.cpuSeconds();
  const { body } = asked;
  const result = await autocannon({
    url: `${server.url}${asked.path}`,
    connections: asked.connections ?? CONNECTIONS,
    duration: asked.seconds,
    headers: asked.headers,
    ...(body === undefined
      ? {}
      : { requests: [{ method: "POST", setupRequest: (request) => ({ ...request, body: body() }) }] }),
  });
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${server.name}: ${result.non2xx} answers were no success, ${result.errors} failed`);
  }
  return {
    requests: result.requests.total,
    seconds: result.duration,
    cpuSeconds: (await server.cpuSeconds()) - before,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  };
}

/** Each is a transaction with its version, audit entry and job, acknowledged by a disk. */
async function measureCreations(server: PinnedServer, customer: Api & { token: string }) {
  const headers = { authorization: `Bearer ${customer.token}`, "content-type": "application/json" };
  const body = () => JSON.stringify({ domain: `${randomUUID()}.example.com`, origin: { url: "http://o.example.com" } });
  const ask = (seconds: number) =>
    load(server, { path: "/api/v1/distributions", headers, seconds, connections: CREATING_CONNECTIONS, body });
  await ask(WARM_UP_S);
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    progress(`creations: round ${round + 1} of ${ROUNDS}`);
    rounds.push(await ask(ROUND_S));
  }
  return summaryOf(rounds);
}

function summaryOf(rounds: readonly Round[]) {
  return {
    per_second: Math.round(median(rounds.map(perSecond))),
    per_cpu_second: Math.round(median(rounds.map(perCpuSecond))),
    p50_ms: median(rounds.map(({ p50Ms }) => p50Ms)),
    p99_ms: median(rounds.map(({ p99Ms }) => p99Ms)),
  };
}

function perSecond({ requests, seconds }: Round): number {
  return requests / seconds;
}

function perCpuSecond({ requests, cpuSeconds }: Round): number {
  return requests / cpuSeconds;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

await main();
