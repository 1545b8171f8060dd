// A server in a process of its own on one core, writing its log to a file, with the processor time that it takes.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const CLOCK_TICKS_PER_SECOND = 100;
const LOOK_EVERY_MS = 50;
const READY_TIMEOUT_MS = 30_000;

export interface PinnedServer {
  readonly name: string;
  readonly url: string;
  cpuSeconds(): Promise<number>;
  stop(): Promise<void>;
}

export async function startPinned(
  core: number,
  server: { name: string; url: string; argv: readonly string[]; env: Readonly<Record<string, string>>; folder: string },
): Promise<PinnedServer> {
  const { name, url, argv, env, folder } = server;
  const log = openSync(join(folder, `${name}.log`), "a");
  const child = spawn("taskset", ["--cpu-list", String(core), process.execPath, ...argv], {
    env,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  const stop = async () => {
    child.kill("SIGTERM");
    if (child.exitCode === null) await once(child, "exit");
  };
  const giveUpAt = performance.now() + READY_TIMEOUT_MS;
  while (!(await isListening(url))) {
    if (child.exitCode !== null || performance.now() > giveUpAt) {
      await stop();
      throw new Error(`${name} does not listen: see ${name}.log`);
    }
    await wait(LOOK_EVERY_MS);
  }
  return { name, url, cpuSeconds: () => cpuSecondsOf(child.pid ?? 0), stop };
}

async function isListening(url: string): Promise<boolean> {
  return fetch(`${url}/health`, { signal: AbortSignal.timeout(1000) }).then(
    () => true,
    () => false,
  );
}

/** Of all its threads; taskset has become the server by then. */
async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}
