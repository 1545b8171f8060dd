// Children are real processes: small Node scripts that behave well or badly.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createLogger } from "../log.ts";
import { type Child, type ChildSettings, startChild } from "./child.ts";
import { isRunning, markOf } from "./process-mark.ts";
import { StartError } from "./start-error.ts";
import { superviseChild } from "./supervise.ts";

const log = createLogger({ role: "test", level: "silent" });
const STAY = "setInterval(() => {}, 1000);";

function childOf(script: string, options: Partial<ChildSettings> = {}): ChildSettings {
  const folder = mkdtempSync(join(tmpdir(), "edgewright-child-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return {
    name: "sample",
    command: [process.execPath, "-e", script],
    logFile: join(folder, "sample.log"),
    ready: { kind: "line", pattern: /^ready$/ },
    log,
    ...options,
  };
}

test("a child is started when it says so, and what it printed is in its log", async () => {
  const settings = childOf(`console.error("to begin with"); console.log("ready"); ${STAY}`);
  const child = await startChild(settings);
  await child.stop();
  expect(await child.exited).toEqual({ code: null, signal: "SIGTERM" });
  expect(readFileSync(settings.logFile, "utf8").split("\n").sort()).toEqual(["", "ready", "to begin with"]);
});

test("a child is started when it answers", async () => {
  let asked = 0;
  const ready = { kind: "answer", ask: async () => ++asked === 3 } as const;
  const child = await startChild(childOf(STAY, { ready }));
  expect(asked).toBe(3);
  await child.stop();
});

test("a child that ends before it is ready is an error with its last words", async () => {
  const starting = startChild(childOf(`console.error("no such database"); process.exitCode = 3;`));
  await expect(starting).rejects.toThrow(StartError);
  await expect(starting).rejects.toThrow(/ended before it was ready \(exit code 3\).*no such database/);
});

test("a child that is not ready in time is ended", async () => {
  const settings = childOf(`console.log(process.pid); ${STAY}`, { readyTimeoutMs: 500 });
  await expect(startChild(settings)).rejects.toThrow(/not ready within 0\.5 s/);
  const pid = Number(readFileSync(settings.logFile, "utf8"));
  expect(markOf(pid)).toBeUndefined();
});

test("a program that does not exist is named", async () => {
  const starting = startChild(childOf("", { command: ["/no/such/program"], wrapper: ["/no/such/program"] }));
  await expect(starting).rejects.toThrow("there is no program /no/such/program");
});

test("a child that ignores its stop signal is killed at the deadline, with its own children", async () => {
  const script = `
    process.on("SIGTERM", () => {});
    const own = require("node:child_process").spawn(process.execPath, ["-e", "${STAY}"]);
    console.log("own " + own.pid); console.log("ready"); ${STAY}`;
  const settings = childOf(script, { stopTimeoutMs: 200 });
  const child = await startChild(settings);
  const own = Number(/own (\d+)/.exec(readFileSync(settings.logFile, "utf8"))?.[1]);
  await child.stop();
  expect(await child.exited).toEqual({ code: null, signal: "SIGKILL" });
  await expect.poll(() => markOf(own)).toBeUndefined();
});

test("a child dies with its parent, even when that is killed", async () => {
  const settings = childOf("");
  const parent = spawn(
    process.execPath,
    [
      "--import",
      import.meta.resolve("tsx"),
      "--input-type=module",
      "-e",
      `import { startChild } from ${JSON.stringify(new URL("./child.ts", import.meta.url).href)};
       const child = await startChild({
         name: "sample", command: [process.execPath, "-e", ${JSON.stringify(`console.log("ready"); ${STAY}`)}],
         logFile: ${JSON.stringify(settings.logFile)}, ready: { kind: "line", pattern: /^ready$/ }, log: console,
       });
       console.log(child.pid);`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const [chunk] = await once(parent.stdout, "data");
  const mark = markOf(Number(String(chunk)));
  if (mark === undefined) throw new Error("the child is not there");
  parent.kill("SIGKILL");
  await expect.poll(() => isRunning(mark)).toBe(false);
});

test("a supervised child that ends by itself is there again, until it is stopped", async () => {
  const settings = childOf(`console.log("ready"); ${STAY}`);
  const supervised = await superviseChild({ name: "sample", log, start: () => startChild(settings) });
  const first = supervised.pid();
  if (first === undefined) throw new Error("the child is not there");
  process.kill(first, "SIGKILL");
  await expect.poll(() => supervised.pid(), { timeout: 5000 }).toSatisfy((pid) => pid !== undefined && pid !== first);
  const second = supervised.pid();
  await supervised.stop();
  expect(second === undefined ? undefined : markOf(second)).toBeUndefined();
});

test("a supervised child that was stopped while down stays down", async () => {
  const settings = childOf(`console.log("ready"); ${STAY}`);
  let starts = 0;
  const start = () => {
    starts += 1;
    return startChild(settings);
  };
  const supervised = await superviseChild({ name: "sample", log, start });
  const pid = supervised.pid();
  if (pid !== undefined) process.kill(pid, "SIGKILL");
  await expect.poll(() => supervised.pid()).toBeUndefined();
  await supervised.stop();
  expect(starts).toBe(1);
});

test("a supervised child that is stopped while on its way up again ends too", async () => {
  const settings = childOf(`console.log("ready"); ${STAY}`);
  const started: Child[] = [];
  let onItsWay = () => {};
  const secondStart = new Promise<void>((resolve) => {
    onItsWay = resolve;
  });
  const start = async () => {
    if (started.length === 1) onItsWay();
    const child = await startChild(settings);
    started.push(child);
    return child;
  };
  const supervised = await superviseChild({ name: "sample", log, start });
  const pid = supervised.pid();
  if (pid !== undefined) process.kill(pid, "SIGKILL");
  await secondStart;
  await supervised.stop();
  expect(started.map((child) => markOf(child.pid))).toEqual([undefined, undefined]);
});
