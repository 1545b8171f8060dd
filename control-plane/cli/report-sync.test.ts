// The command in a process of its own, as people and cron run it.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { startTestRedis } from "../../platform/embedded/test-services.ts";
import { GCORE_TOKEN, startTestGcore } from "../domains/provider/gcore/test-gcore.ts";
import { openProviderWorld, type ProviderWorld, TEST_MASTER_KEY } from "../domains/provider/test-world.ts";

const PROGRAM = new URL("../../bin/edgewright.mjs", import.meta.url).pathname;
const COMMANDS_TIMEOUT_MS = 60_000;
const MINUTE_MS = 60_000;
const BUCKET_MS = 5 * MINUTE_MS;
const hourAgo = new Date(Math.floor(Date.now() / BUCKET_MS) * BUCKET_MS - 60 * MINUTE_MS);

let world: ProviderWorld;
let gcore: Awaited<ReturnType<typeof startTestGcore>>;
let redis: Awaited<ReturnType<typeof startTestRedis>>;
const folder = mkdtempSync(join(tmpdir(), "edgewright-sync-"));
const running = new Set<ChildProcess>();
beforeAll(async () => {
  [world, gcore, redis] = await Promise.all([
    openProviderWorld(new Date()),
    startTestGcore(new Map()),
    startTestRedis(),
  ]);
  const input = { is_enabled: true, api_token: GCORE_TOKEN, base_url: gcore.url };
  await world.providers.put(world.operator, "gcore", input, () => {});
});
afterAll(async () => {
  for (const child of running) child.kill("SIGKILL");
  await Promise.all([world.stop(), gcore.stop(), redis.stop()]);
  rmSync(folder, { recursive: true });
});

function start(...options: string[]): ChildProcess {
  const env = {
    PATH: process.env.PATH ?? "",
    ...{ DATABASE_URL: world.databaseUrl, CLICKHOUSE_URL: world.clickhouse.url, REDIS_URL: redis.url },
    ...{ DATA_DIR: folder, MASTER_KEY: TEST_MASTER_KEY, ALLOW_PRIVATE_ORIGINS: "true" },
  };
  const child = spawn(process.execPath, [PROGRAM, "report:sync", ...options], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

async function outcomeOf(child: ChildProcess) {
  if (child.stdout === null || child.stderr === null) throw new Error("its output goes elsewhere");
  const ended = once(child, "close");
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await ended;
  return { code: child.exitCode, output, errors };
}

test(
  "report:sync that is killed while it works, and run again, counts once; it says what it did, and what it could not",
  async () => {
    const distribution = await world.distribution();
    const link = (resource: string, since: Date) =>
      world.links.put(world.operator, { provider: "gcore", resource }, { distribution_id: distribution.id, since });
    await link("7", hourAgo);
    gcore.say("7", hourAgo, { requests: 1_200, sent_bytes: 3_400_000 });
    // Of another time, so it is asked about by itself, when what was said of the first is counted; nobody knows it.
    await link("8", new Date(hourAgo.getTime() + BUCKET_MS));
    gcore.misbehave(undefined, "hang");
    const killed = start();
    await expect.poll(() => gcore.asked.length, { timeout: COMMANDS_TIMEOUT_MS }).toBe(2);
    killed.kill("SIGKILL");
    await once(killed, "exit");
    expect(await countedRequests(distribution)).toBe(1_200);

    const { code, output, errors } = await outcomeOf(start("--from", "2h"));
    expect(code, errors).toBe(1);
    expect(output).toContain("gcore: 2 resources, ");
    expect(output).toContain("1,200 requests, 3,400,000 bytes in that time.");
    expect(output).toContain(
      "Left out: 8. Gcore answered 400 and said: resource: CDN resource 8 does not exist.\ntm_swift: not configured",
    );
    expect(await countedRequests(distribution)).toBe(1_200);
  },
  COMMANDS_TIMEOUT_MS,
);

async function countedRequests({ id, accountId }: { id: string; accountId: string }): Promise<number | undefined> {
  const [row] = await world.rows(
    z.object({ requests: z.coerce.number() }),
    `SELECT sum(requests) AS requests FROM reported_traffic_day
     WHERE account_id = '${accountId}' AND dimension = 'all' AND distribution_id = '${id}'`,
  );
  return row?.requests;
}
