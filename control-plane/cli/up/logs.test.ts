// The log of `up`: the lines of all roles in one file, which turns over at ten megabytes.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openLogs } from "./logs.ts";

function dataFolder(): { folder: string; file: string } {
  const folder = mkdtempSync(join(tmpdir(), "edgewright-up-logs-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return { folder, file: join(folder, "logs", "edgewright.log") };
}

const linesOf = (file: string) =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

test("the lines of all roles lie in one file, from the level that was asked for", () => {
  const { folder, file } = dataFolder();
  const logOf = openLogs(folder, "info");
  logOf("api").info("first");
  logOf("worker").debug("too fine");
  logOf("worker").warn("second");
  expect(linesOf(file)).toMatchObject([
    { level: "info", role: "api", msg: "first" },
    { level: "warn", role: "worker", msg: "second" },
  ]);
});

test("a file of ten megabytes becomes the old one, and the next line begins a new one", () => {
  const { folder, file } = dataFolder();
  mkdirSync(join(folder, "logs"));
  writeFileSync(file, "x".repeat(10 * 1024 * 1024));
  openLogs(folder, "info")("api").info("after the turn");
  expect(linesOf(file)).toMatchObject([{ msg: "after the turn" }]);
  expect(statSync(`${file}.1`).size).toBe(10 * 1024 * 1024);
});
