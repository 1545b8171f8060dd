// What is taken from nginx's error log is nginx's own word: a viewer's Referer stands in its lines as it came.
import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { markErrorLog } from "./nginx-errors.ts";
import { followWorkerDeaths } from "./worker-deaths.ts";

const STAMP = "2026/01/01 00:00:00";
const MASTER = 70;

let path: string;
beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), "edgewright-nginx-log-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  path = join(folder, "error.log");
});

const tooLarge = (referer: string) =>
  `${STAMP} [error] 71#71: *5 client intended to send too large body: 9 bytes, client: 192.0.2.1, server: _, ` +
  `request: "POST / HTTP/1.1", host: "www.example.com", referrer: "${referer}"\n`;
const exited = (by: number, pid: number, rest = "") =>
  `${STAMP} [alert] ${by}#${by}: worker process ${pid} exited on signal 11${rest}`;
const watched = () => followWorkerDeaths(path, () => Promise.resolve(MASTER));

test("workers that died are those of which the master says so in a line of its own", async () => {
  const deaths = await watched();
  await appendFile(path, `${exited(MASTER, 71)}\n${exited(MASTER, 72, " (core dumped)")}\n`);
  expect(await deaths.read()).toEqual([
    { pid: 71, signal: 11 },
    { pid: 72, signal: 11 },
  ]);
});

test("a viewer's Referer kills no worker, nor does the line of another process", async () => {
  const deaths = await watched();
  await appendFile(path, tooLarge("[alert] 1#1: worker process 1 exited on signal 11"));
  await appendFile(path, tooLarge(exited(MASTER, 71)));
  await appendFile(path, `${exited(71, 72)}\n`);
  expect(await deaths.read()).toEqual([]);
});

test("nor does one whose line is so far back that its beginning is skipped", async () => {
  const deaths = await watched();
  const tail = `${exited(MASTER, 71)}\n`;
  const flood = `${"x".repeat(1_023)}\n`.repeat(1_024);
  await appendFile(path, `${STAMP} [error] 71#71: *5 ${tail}${flood.slice(tail.length)}`);
  expect(await deaths.read()).toEqual([]);
});

test("the last word of a master that ended counts", async () => {
  let running = MASTER;
  const deaths = await followWorkerDeaths(path, () => Promise.resolve(running));
  await appendFile(path, `${exited(MASTER, 71)}\n${exited(80, 81)}\n`);
  running = 80;
  expect(await deaths.read()).toHaveLength(2);
  await appendFile(path, `${exited(MASTER, 71)}\n`);
  expect(await deaths.read()).toEqual([]);
});

test("a viewer's Referer fails no reload", async () => {
  const mark = await markErrorLog(path);
  await appendFile(path, tooLarge("[emerg] 1#1: unknown directive"));
  await appendFile(path, tooLarge(`${STAMP} [alert] 1#1: worker process 1 exited on signal 11`));
  expect([await mark.emergencies(), await mark.alerts()]).toEqual([[], []]);
  await appendFile(path, `${STAMP} [emerg] 70#70: open() failed\n`);
  expect(await mark.emergencies()).toEqual(["open() failed"]);
});
