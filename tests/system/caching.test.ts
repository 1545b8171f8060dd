// Two API processes over one Postgres and one Redis: what one of them has acknowledged it never unsays, and the other one
// follows within 100 ms. Also while Redis is away.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { openSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createTestDatabase, type TestDatabase } from "../../control-plane/database/test-database.ts";
import { startTestRedis, type TestService } from "../../platform/embedded/test-services.ts";
import { type Answer, type Api, apiAt, createDistribution, eventually, register } from "./api.ts";
import { pickPort } from "./ports.ts";
import { PROGRAM, temporaryFolder } from "./product.ts";

const FOLLOW_MS = 100;
const GIVE_UP_MS = 5_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let database: TestDatabase;
let redis: TestService;
const children: ChildProcess[] = [];
/** The process that is written to, and the other one. */
let one: Api;
let other: Api;
let customer: Api & { accountId: string; token: string };
let distribution: string;

beforeAll(async () => {
  folder = await temporaryFolder("caching");
  [database, redis] = await Promise.all([createTestDatabase(), startTestRedis()]);
  const masterKey = randomBytes(32).toString("hex");
  const urls = await Promise.all([startApi("one", masterKey), startApi("other", masterKey)]);
  customer = await register(apiAt(urls[0]));
  [one, other] = [apiAt(urls[0], customer.token), apiAt(urls[1], customer.token)];
  distribution = `/api/v1/distributions/${(await createDistribution(one, "cached.example.com", "https://origin.example.com")).id}`;
  await live();
});

afterAll(async () => {
  for (const child of children) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  await Promise.all([database?.stop(), redis?.stop()]);
  await folder?.remove();
});

async function startApi(name: string, masterKey: string): Promise<string> {
  const port = await pickPort();
  const output = openSync(join(folder.path, `${name}.log`), "a");
  const env = {
    PATH: process.env.PATH ?? "",
    DATA_DIR: join(folder.path, name),
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    // Nothing here asks it.
    CLICKHOUSE_URL: "http://127.0.0.1:1",
    API_PORT: String(port),
    LISTEN_HOST: "127.0.0.1",
    MASTER_KEY: masterKey,
    RATE_LIMIT_PER_MINUTE: "100000",
    RATE_LIMIT_TOKEN_PER_MINUTE: "100000",
    LOGIN_ATTEMPTS_PER_MINUTE: "100000",
  };
  children.push(spawn(process.execPath, [PROGRAM, "server:start"], { env, stdio: ["ignore", output, output] }));
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => expect((await apiAt(url).call("GET", "/health")).status).toBe(200), 60_000);
  return url;
}

/** One series of /metrics. */
async function metric(api: Api, series: string): Promise<number> {
  const { body } = await api.call("GET", "/metrics");
  const line = String(body)
    .split("\n")
    .find((text) => text.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? 0);
}

async function live(): Promise<void> {
  for (const api of [one, other]) {
    await eventually(async () => expect(await metric(api, "edgewright_cache_live")).toBe(1));
  }
}

/** From now on: how long requests began whose answers still told of before. */
async function staleFor(ask: () => Promise<Answer>, isNew: (answer: Answer) => boolean): Promise<number> {
  const calledAt = performance.now();
  let staleMs = 0;
  for (;;) {
    const askedAt = performance.now();
    if (isNew(await ask())) return staleMs;
    staleMs = askedAt - calledAt;
    if (staleMs > GIVE_UP_MS) return staleMs;
  }
}

const labelled = z.object({ label: z.string() });
const labelOf = ({ body }: Answer) => labelled.parse(body).label;
const page = z.object({ data: z.array(labelled) });
const labelInList = ({ body }: Answer) => page.parse(body).data[0]?.label;

async function relabelAndFollow(rounds: number, name: string): Promise<void> {
  for (let round = 1; round <= rounds; round += 1) {
    const label = `${name} ${round}`;
    const [writer, follower] = round % 2 === 0 ? [one, other] : [other, one];
    // Each has the old one at hand.
    for (const api of [one, other]) {
      await api.call("GET", distribution);
      await api.call("GET", "/api/v1/distributions");
    }
    expect((await writer.call("PATCH", distribution, { label })).status).toBe(200);
    expect(labelOf(await writer.call("GET", distribution))).toBe(label);
    expect(labelInList(await writer.call("GET", "/api/v1/distributions"))).toBe(label);
    const following = await Promise.all([
      staleFor(
        () => follower.call("GET", distribution),
        (answer) => labelOf(answer) === label,
      ),
      staleFor(
        () => follower.call("GET", "/api/v1/distributions"),
        (answer) => labelInList(answer) === label,
      ),
    ]);
    expect(Math.max(...following)).toBeLessThan(FOLLOW_MS);
  }
}

test("a changed distribution is read changed where it was changed, and within 100 ms from the other process", async () => {
  await relabelAndFollow(20, "changed");
});

test("what does not change is read from memory", async () => {
  for (const api of [one, other]) {
    const series = 'edgewright_cache_reads_total{space="distribution",outcome="memory"}';
    await api.call("GET", distribution);
    const before = await metric(api, series);
    await eventually(async () => {
      await api.call("GET", distribution);
      expect(await metric(api, series)).toBeGreaterThan(before);
    });
  }
});

test("who logs out, or whose token is revoked, is refused at once, and within 100 ms by the other process", async () => {
  const issued = z.object({ id: z.uuid(), token: z.string() });
  const { id, token } = await one.expect(201, issued, "POST", "/api/v1/api-tokens", {
    name: "to be revoked",
    scopes: ["distributions:read"],
  });
  const leaver = await register(apiAt(one.url));
  const programs = [
    { bearer: token, end: () => one.call("DELETE", `/api/v1/api-tokens/${id}`) },
    { bearer: leaver.token, end: () => apiAt(one.url, leaver.token).call("POST", "/api/v1/auth/logout") },
  ];
  for (const { bearer, end } of programs) {
    const asking = [one, other].map((api) => () => api.as(bearer).call("GET", "/api/v1/distributions"));
    for (const ask of asking) expect((await ask()).status).toBe(200);
    expect((await end()).status).toBe(204);
    expect((await asking[0]?.())?.status).toBe(401);
    for (const ask of asking) expect(await staleFor(ask, ({ status }) => status === 401)).toBeLessThan(FOLLOW_MS);
  }
});

test("Redis killed: nothing acknowledged is unsaid meanwhile, and afterwards reads are cached again", async () => {
  const client = new Redis(redis.url);
  const pid = Number(/process_id:(\d+)/.exec(await client.info("server"))?.[1]);
  client.disconnect();
  process.kill(pid, "SIGSTOP");
  try {
    await relabelAndFollow(4, "hung");
  } finally {
    process.kill(pid, "SIGKILL");
  }
  await relabelAndFollow(4, "killed");
  await live();
  await relabelAndFollow(4, "back");
});
