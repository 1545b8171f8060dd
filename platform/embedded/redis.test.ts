// The embedded Redis: what it keeps, and whom it lets in.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, expect, test } from "vitest";
import { createLogger } from "../log.ts";
import { startRedis } from "./redis.ts";
import { testTools } from "./test-services.ts";

const log = createLogger({ role: "test", level: "silent" });
const folder = mkdtempSync(join(tmpdir(), "edgewright-redis-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function start() {
  return startRedis({ folder, log, command: (await testTools()).command("redis-server") });
}

async function withClient<T>(url: string, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await use(client);
  } finally {
    client.disconnect();
  }
}

test("the second start has the data of the first, at the same address", async () => {
  const first = await start();
  await withClient(first.url, (client) => client.set("kept", "42"));
  await first.part.stop();
  const second = await start();
  expect(second.url).toBe(first.url);
  expect(await withClient(second.url, (client) => client.get("kept"))).toBe("42");
  await second.part.stop();
});

test("a killed server is there again by itself, with what was written", async () => {
  const { url, part } = await start();
  await withClient(url, (client) => client.set("survives", "yes"));
  const pid = part.pid();
  if (pid !== undefined) process.kill(pid, "SIGKILL");
  const read = () => withClient(url, (client) => client.get("survives")).catch(() => "down");
  await expect.poll(read, { timeout: 10_000 }).toBe("yes");
  await part.stop();
});

test("nobody gets in without the password, and a full queue refuses rather than forgets", async () => {
  const { url, part } = await start();
  await expect(withClient(url.replace(/:[^:@]+@/, ":wrong@"), (client) => client.get("kept"))).rejects.toThrow();
  expect(await withClient(url, (client) => client.config("GET", "maxmemory-policy"))).toEqual([
    "maxmemory-policy",
    "noeviction",
  ]);
  await part.stop();
});
