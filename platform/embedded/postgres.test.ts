// The embedded PostgreSQL on its good and bad days, in a folder that only its owner may enter.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { createLogger } from "../log.ts";
import { startPostgres } from "./postgres.ts";
import { findPostgres } from "./postgres-package.ts";
import { findUnprivileged } from "./postgres-user.ts";
import { isRunning, markOf } from "./process-mark.ts";

const log = createLogger({ role: "test", level: "silent" });
const parent = mkdtempSync(join(tmpdir(), "edgewright-postgres-test-"));
const folder = join(parent, "it's postgres");
afterAll(() => rmSync(parent, { recursive: true }));

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  // A server that is killed tells its clients by a broken socket.
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

test("the second start is quick, at the same address, with the data of the first", async () => {
  const first = await startPostgres({ folder, log });
  await query(first.url, "CREATE TABLE kept AS SELECT 42 AS answer");
  await first.part.stop();
  const startedAt = performance.now();
  const second = await startPostgres({ folder, log });
  expect(performance.now() - startedAt).toBeLessThan(1000);
  expect(second.url).toBe(first.url);
  expect(await query(second.url, "SELECT * FROM kept")).toEqual([{ answer: 42 }]);
  await second.part.stop();
});

test("nobody gets in without the password, and nothing but loopback is listened on", async () => {
  const { url, part } = await startPostgres({ folder, log });
  await expect(query(url.replace(/:[^:@]+@/, ":wrong@"), "SELECT 1")).rejects.toThrow("password authentication failed");
  expect(await query(url, "SHOW listen_addresses")).toEqual([{ listen_addresses: "127.0.0.1" }]);
  expect(await query(url, "SHOW fsync")).toEqual([{ fsync: "on" }]);
  await part.stop();
});

test("a killed server is there again by itself, with what was committed", async () => {
  const { url, part } = await startPostgres({ folder, log });
  await query(url, "CREATE TABLE committed AS SELECT 1 AS one");
  const pid = part.pid();
  if (pid !== undefined) process.kill(pid, "SIGKILL");
  const answer = () => query(url, "SELECT * FROM committed").catch(() => "down");
  await expect.poll(answer, { timeout: 15_000 }).toEqual([{ one: 1 }]);
  expect(part.pid()).not.toBe(pid);
  await part.stop();
});

test("a server that a killed run left behind is ended, and the data is served again", async () => {
  const { url, part } = await startPostgres({ folder, log });
  await part.stop();
  const { postgres } = findPostgres();
  const [program = postgres, ...args] = [...(await findUnprivileged(folder, postgres)), postgres];
  const options = ["-D", join(folder, "data"), "-c", `port=${new URL(url).port}`, "-c", "unix_socket_directories="];
  const orphan = spawn(program, [...args, ...options], { stdio: ["ignore", "ignore", "pipe"] });
  for await (const chunk of orphan.stderr) if (/ready to accept/.test(String(chunk))) break;
  const mark = markOf(orphan.pid ?? 0);
  if (mark === undefined) throw new Error("the orphan is not there");
  const again = await startPostgres({ folder, log });
  expect(isRunning(mark)).toBe(false);
  expect(await query(again.url, "SELECT * FROM kept")).toEqual([{ answer: 42 }]);
  await again.part.stop();
});

test("a pid file that by now names another process is no obstacle, and that process lives on", async () => {
  const stranger = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  await once(stranger, "spawn");
  writeFileSync(join(folder, "data/postmaster.pid"), `${stranger.pid}\n${join(folder, "data")}\n1\n5432\n`);
  const { url, part } = await startPostgres({ folder, log });
  expect(await query(url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  await part.stop();
  expect(stranger.exitCode).toBeNull();
  stranger.kill("SIGKILL");
});

test("data of another major version is left alone, and the way out is named", async () => {
  const other = join(parent, "other");
  mkdirSync(join(other, "data"), { recursive: true });
  writeFileSync(join(other, "data/PG_VERSION"), "15\n");
  await expect(startPostgres({ folder: other, log })).rejects.toThrow(/written by PostgreSQL 15.*pg_dump/);
  expect(readFileSync(join(other, "data/PG_VERSION"), "utf8")).toBe("15\n");
});

test("a start that was cut short while creating the data begins anew", async () => {
  const fresh = join(parent, "fresh");
  mkdirSync(join(fresh, "data.new/base"), { recursive: true });
  const { url, part } = await startPostgres({ folder: fresh, log, durability: "none" });
  expect(await query(url, "SHOW fsync")).toEqual([{ fsync: "off" }]);
  await part.stop();
  expect(existsSync(join(fresh, "data.new"))).toBe(false);
});
