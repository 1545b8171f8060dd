// A child process as a part: it is ready when it says so, stops in time, and dies with this process even when this
// process is killed. What it prints lies in its log file.
import { type ChildProcess, spawn } from "node:child_process";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import type { Part } from "../lifecycle.ts";
import type { Logger } from "../log.ts";
import { type OutputFile, openOutputFile } from "./output-file.ts";
import { sendSignal } from "./process-mark.ts";
import { dieWithParent, PLAIN_ENVIRONMENT } from "./program.ts";
import type { ChildLedger } from "./run-lock.ts";
import { diskFull, errorCode, StartError, saysDiskFull } from "./start-error.ts";

export type Readiness =
  | { readonly kind: "line"; readonly pattern: RegExp }
  | { readonly kind: "answer"; readonly ask: (signal: AbortSignal) => Promise<boolean> }
  | { readonly kind: "spawned" };

export interface ChildSettings {
  readonly name: string;
  readonly command: readonly string[];
  /** Stands in front of everything else, for a program that changes who the child is (unshare, setpriv). */
  readonly wrapper?: readonly string[];
  /** The whole environment of the child; by default nothing but a search path and a locale. */
  readonly env?: NodeJS.ProcessEnv;
  readonly folder?: string;
  readonly logFile: string;
  readonly ready: Readiness;
  readonly readyTimeoutMs?: number;
  readonly stopSignal?: NodeJS.Signals;
  readonly stopTimeoutMs?: number;
  /** What the child gets when this process dies; by default its stop signal. */
  readonly deathSignal?: NodeJS.Signals;
  readonly log: Logger;
  readonly ledger?: ChildLedger;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child extends Part {
  readonly pid: number;
  /** Never rejects. */
  readonly exited: Promise<ChildExit>;
}

const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 15;
const LAST_LINES = 5;

export async function startChild(settings: ChildSettings): Promise<Child> {
  const output = openOutputFile(settings.logFile);
  const lines = createLineListeners(output);
  const stopSignal = settings.stopSignal ?? "SIGTERM";
  const argv = [...(settings.wrapper ?? []), ...dieWithParent(settings.deathSignal ?? stopSignal), ...settings.command];
  const ready = readySignal(settings.ready, lines);
  const { process: child, pid } = await spawnProcess(settings, argv);
  settings.ledger?.add({ pid, name: settings.name });
  listenTo(child, lines);
  const exited = new Promise<ChildExit>((resolve) => {
    // `close` comes after the last line of output, `exit` may come before it.
    child.once("close", (code, signal) => {
      output.close();
      settings.ledger?.remove(pid);
      resolve({ code, signal });
    });
  });
  const stop = () =>
    stopProcess({
      pid,
      name: settings.name,
      exited,
      signal: stopSignal,
      timeoutMs: settings.stopTimeoutMs ?? STOP_TIMEOUT_MS,
      log: settings.log,
    });
  await untilReady({ settings, ready, exited, stop, lastLines: lines.last });
  return { name: settings.name, pid, exited, stop };
}

function spawnProcess(
  settings: ChildSettings,
  argv: readonly string[],
): Promise<{ process: ChildProcess; pid: number }> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, {
    cwd: settings.folder,
    env: settings.env ?? PLAIN_ENVIRONMENT,
    // A session of its own: Ctrl-C reaches this process alone, which then stops its parts in order.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return new Promise((resolve, reject) => {
    child.once("spawn", () => {
      if (child.pid !== undefined) resolve({ process: child, pid: child.pid });
    });
    child.once("error", (error) => {
      const why = errorCode(error) === "ENOENT" ? `there is no program ${program}` : error.message;
      reject(new StartError(`${settings.name} could not be started: ${why}.`, { cause: error }));
    });
  });
}

interface LineListeners {
  readonly last: readonly string[];
  readonly listeners: Set<(line: string) => void>;
  take(line: string): void;
}

function createLineListeners(output: OutputFile): LineListeners {
  const last: string[] = [];
  const listeners = new Set<(line: string) => void>();
  return {
    last,
    listeners,
    take(line) {
      output.write(line);
      last.push(line);
      if (last.length > LAST_LINES) last.shift();
      for (const listener of listeners) listener(line);
    },
  };
}

function listenTo(child: ChildProcess, lines: LineListeners): void {
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on("line", lines.take);
  }
}

function readySignal(ready: Readiness, lines: LineListeners): (signal: AbortSignal) => Promise<void> {
  switch (ready.kind) {
    case "spawned":
      return async () => undefined;
    case "answer":
      return (signal) => untilAnswer(ready.ask, signal);
    case "line": {
      // Listens from before the spawn: the line may come at once.
      const seen = new Promise<void>((resolve) => {
        const look = (line: string) => {
          if (!ready.pattern.test(line)) return;
          lines.listeners.delete(look);
          resolve();
        };
        lines.listeners.add(look);
      });
      return () => seen;
    }
  }
}

async function untilAnswer(ask: (signal: AbortSignal) => Promise<boolean>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const yes = await ask(signal).catch(() => false);
    if (yes) return;
    await wait(POLL_MS);
  }
}

async function untilReady(start: {
  settings: ChildSettings;
  ready: (signal: AbortSignal) => Promise<void>;
  exited: Promise<ChildExit>;
  stop: () => Promise<void>;
  lastLines: readonly string[];
}): Promise<void> {
  const { name, logFile, readyTimeoutMs = READY_TIMEOUT_MS } = start.settings;
  const over = new AbortController();
  const outcome = await Promise.race([
    start.ready(over.signal).then(() => "ready" as const),
    start.exited,
    wait(readyTimeoutMs, "late" as const, { signal: over.signal }),
  ]).finally(() => over.abort());
  if (outcome === "ready") return;
  if (saysDiskFull(start.lastLines.join("\n"))) {
    await start.stop();
    throw diskFull(dirname(logFile));
  }
  const said = start.lastLines.length > 0 ? ` It said: ${start.lastLines.join(" · ")}` : "";
  if (outcome === "late") {
    await start.stop();
    throw new StartError(`${name} was not ready within ${readyTimeoutMs / 1000} s; its log is ${logFile}.${said}`);
  }
  throw new StartError(`${name} ended before it was ready (${describeExit(outcome)}); its log is ${logFile}.${said}`);
}

function describeExit(exit: ChildExit): string {
  return exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
}

async function stopProcess(target: {
  pid: number;
  name: string;
  exited: Promise<ChildExit>;
  signal: NodeJS.Signals;
  timeoutMs: number;
  log: Logger;
}): Promise<void> {
  const over = new AbortController();
  const late = wait(target.timeoutMs, "late" as const, { signal: over.signal }).catch(() => "over" as const);
  sendSignal(target.pid, target.signal);
  const outcome = await Promise.race([target.exited, late]);
  over.abort();
  if (outcome !== "late") return;
  target.log.warn(
    { child: target.name, pid: target.pid, timeout_ms: target.timeoutMs },
    "child did not stop in time and was killed",
  );
  // The whole session: its own children must not outlive it.
  sendSignal(-target.pid, "SIGKILL");
  await target.exited;
}
