// The gate that looks for leftovers finds what a careless test would leave.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { leftoversOf } from "./leftovers.ts";

let folder: string;
let child: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "edgewright-leftovers-"));
});

afterEach(async () => {
  if (child !== undefined) {
    child.kill("SIGKILL");
    await once(child, "exit");
    child = undefined;
  }
  rmSync(folder, { recursive: true });
});

test("nothing left is nothing found", () => {
  expect(leftoversOf(folder)).toEqual({ processes: [], entries: [] });
});

test("a folder that stayed is found", () => {
  mkdirSync(join(folder, "edgewright-forgotten"));
  expect(leftoversOf(folder).entries).toEqual(["edgewright-forgotten"]);
});

test.each([
  ["by its environment", { env: { PATH: process.env.PATH, TMPDIR: "FOLDER" } }],
  ["by where it runs", { cwd: "FOLDER", env: {} }],
])("a process that stayed is found %s", async (_how, options) => {
  const placed = JSON.parse(JSON.stringify(options).replaceAll("FOLDER", folder));
  child = spawn("/bin/sleep", ["60"], placed);
  await once(child, "spawn");
  expect(leftoversOf(folder).processes).toEqual([`${child.pid} /bin/sleep 60`]);
});

test("a process is found by its arguments, while a server of this very process is not counted", async () => {
  const server = createServer().listen(join(folder, "own.sock"));
  await once(server, "listening");
  child = spawn("/bin/sh", ["-c", `sleep 60; : ${folder}`], { env: {} });
  await once(child, "spawn");
  expect(leftoversOf(folder).processes).toEqual([expect.stringContaining(`: ${folder}`)]);
  server.close();
  await once(server, "close");
});
