// After a kill -9 or a power cut a PostgreSQL data folder may still have a server at work, or a pid file that by now
// names some other process: both keep the next server from starting.
import { readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { isRunning, markOf, type ProcessMark, sendSignal } from "./process-mark.ts";

const FAST_STOP_MS = 10_000;
const KILL_MS = 5000;
const POLL_MS = 20;

export async function clearPostgresLeftovers(dataFolder: string): Promise<void> {
  const servers = processesIn(realpathSync(dataFolder));
  if (servers.length > 0) {
    // SIGINT is PostgreSQL's fast shutdown, to the server as to each of its sessions.
    await endAll(servers, "SIGINT", FAST_STOP_MS);
    await endAll(servers, "SIGKILL", KILL_MS);
  }
  rmSync(join(dataFolder, "postmaster.pid"), { force: true });
}

/** The server and all of its sessions work in the data folder: that is what makes them this folder's. */
function processesIn(dataFolder: string): ProcessMark[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && isPostgresIn(name, dataFolder))
    .flatMap((name) => markOf(Number(name)) ?? []);
}

function isPostgresIn(pid: string, dataFolder: string): boolean {
  try {
    return (
      readlinkSync(`/proc/${pid}/cwd`) === dataFolder && readFileSync(`/proc/${pid}/comm`, "utf8") === "postgres\n"
    );
  } catch {
    return false; // ended meanwhile, or another user's
  }
}

async function endAll(processes: readonly ProcessMark[], signal: NodeJS.Signals, deadlineMs: number): Promise<void> {
  for (const mark of processes.filter(isRunning)) sendSignal(mark.pid, signal);
  const giveUpAt = performance.now() + deadlineMs;
  while (processes.some(isRunning) && performance.now() < giveUpAt) await wait(POLL_MS);
}
