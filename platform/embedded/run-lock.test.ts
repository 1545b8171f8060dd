// One run per data folder: real processes hold, leave behind and take over.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { isRunning, markOf, type ProcessMark } from "./process-mark.ts";
import { openRun } from "./run-lock.ts";

function dataFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "edgewright-run-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "run"));
  return folder;
}

async function startStranger(): Promise<{ process: ChildProcess; mark: ProcessMark }> {
  const stranger = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  onTestFinished(() => void stranger.kill("SIGKILL"));
  await once(stranger, "spawn");
  const mark = markOf(stranger.pid ?? 0);
  if (mark === undefined) throw new Error("the process is not there");
  return { process: stranger, mark };
}

test("a second run on the same folder is one sentence with the way out", async () => {
  const folder = dataFolder();
  const run = await openRun(folder);
  await expect(openRun(folder)).rejects.toThrow(
    `Edgewright already runs on ${folder} (process ${process.pid}): stop that one, or set DATA_DIR to another folder.`,
  );
  await run.stop();
  await (await openRun(folder)).stop();
});

test("a run waits for one that is just stopping", async () => {
  const folder = dataFolder();
  const first = await openRun(folder);
  const opening = openRun(folder);
  await first.stop();
  await (await opening).stop();
});

test("the lock of a killed run holds nobody up, nor does its pid in another process", async () => {
  const folder = dataFolder();
  const { mark } = await startStranger();
  writeFileSync(join(folder, "run/up.lock"), JSON.stringify({ pid: mark.pid, started: "another boot:1" }));
  await (await openRun(folder)).stop();
  writeFileSync(join(folder, "run/up.lock"), "");
  await (await openRun(folder)).stop();
});

test("only one of many simultaneous runs takes the lock of a killed one", async () => {
  const folder = dataFolder();
  writeFileSync(join(folder, "run/up.lock"), JSON.stringify({ pid: process.pid, started: "another boot:1" }));
  const opened = await Promise.allSettled(Array.from({ length: 5 }, () => openRun(folder)));
  const runs = opened.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  expect(runs).toHaveLength(1);
  await runs[0]?.stop();
});

test("children that a killed run left behind are ended, and nobody else", async () => {
  const folder = dataFolder();
  const left = await startStranger();
  const innocent = await startStranger();
  writeFileSync(
    join(folder, "run/children.json"),
    JSON.stringify([
      { ...left.mark, name: "redis" },
      { pid: innocent.mark.pid, started: "another boot:1", name: "postgres" },
    ]),
  );
  const run = await openRun(folder);
  expect(run.endedLeftovers).toEqual(["redis"]);
  expect(isRunning(left.mark)).toBe(false);
  expect(isRunning(innocent.mark)).toBe(true);
  await run.stop();
});

test("children are in the ledger until they end", async () => {
  const folder = dataFolder();
  const { mark } = await startStranger();
  const run = await openRun(folder);
  run.ledger.add({ pid: mark.pid, name: "redis" });
  run.ledger.remove(mark.pid);
  run.ledger.add({ pid: mark.pid, name: "redis" });
  // As after kill -9: the lock is there, its holder is not, the ledger still names the child.
  writeFileSync(join(folder, "run/up.lock"), JSON.stringify({ pid: mark.pid, started: "another boot:1" }));
  const next = await openRun(folder);
  expect(next.endedLeftovers).toEqual(["redis"]);
  await next.stop();
});
