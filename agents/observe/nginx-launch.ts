// How an nginx of an edge home is started, found again and ended. Knows processes; what they serve is others' business.
import { type ChildProcess, spawn } from "node:child_process";
import { readdir, readFile, readlink, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { NginxInstallation } from "../../platform/embedded/nginx.ts";
import { findFile } from "../durable-file.ts";

/** nginx did not start; the message is what it said. */
export class NginxStartError extends Error {
  override readonly name = "NginxStartError";
}

export interface Launch {
  readonly installation: Pick<NginxInstallation, "command">;
  /** Its prefix and its working directory: nginx takes unix sockets relative to that. */
  readonly folder: string;
  /** Ends when this process ends, however that comes about. */
  readonly diesWithUs: boolean;
}

export interface Launched {
  readonly pid: number;
  /** Resolves when it ended by itself during its start. */
  readonly failed: Promise<NginxStartError>;
}

const STDERR_CHARS_MAX = 4_000;
const PID_FILE_WAIT_MS = 10_000;
const KILL_WAIT_MS = 5_000;

export async function launchNginx(launch: Launch): Promise<Launched> {
  await removeSockets(join(launch.folder, "run"));
  return launch.diesWithUs ? launchChild(launch) : await launchDaemon(launch);
}

function launchChild({ installation, folder }: Launch): Launched {
  // Without a signal on our death a killed agent leaves an nginx behind. TERM and not KILL: a killed master leaves its workers.
  const command = ["setpriv", "--pdeathsig", "TERM", "--", ...argv(installation.command, folder), "-g", "daemon off;"];
  const child = spawnNginx(command, folder);
  const failed = endOf(child).then(({ output }) => new NginxStartError(output));
  if (child.pid === undefined) return { pid: 0, failed };
  return { pid: child.pid, failed };
}

async function launchDaemon({ installation, folder }: Launch): Promise<Launched> {
  const child = spawnNginx(argv(installation.command, folder), folder);
  const { code, output } = await endOf(child);
  if (code !== 0) throw new NginxStartError(output);
  const deadline = Date.now() + PID_FILE_WAIT_MS;
  while (Date.now() < deadline) {
    const pid = await findMaster(folder);
    if (pid !== undefined) return { pid, failed: new Promise(() => {}) };
    await delay(20);
  }
  throw new NginxStartError(`no nginx came up in ${folder}: ${output}`);
}

function argv(command: readonly string[], folder: string): string[] {
  return [...command, "-p", `${folder}/`, "-e", "logs/error.log", "-c", "current/nginx.conf"];
}

/** In a session of its own, so that a Ctrl-C reaches the agent alone and the group can be ended as one. */
function spawnNginx([program = "", ...args]: readonly string[], folder: string): ChildProcess {
  return spawn(program, args, {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  });
}

function endOf(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    if (output.length < STDERR_CHARS_MAX) output += chunk.toString("utf8");
  });
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ code: 1, output: error.message }));
    // Not `close`: a daemon's children hold the pipe.
    child.once("exit", (code, signal) =>
      setImmediate(() => resolve({ code, output: output.trim() || `ended by ${signal ?? `code ${code}`}` })),
    );
  });
}

/** The master that the pid file names, if it is one of this folder and alive. */
export async function findMaster(folder: string): Promise<number | undefined> {
  const pid = Number(await findFile(join(folder, "run", "nginx.pid")));
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  return (await isNginxOf(folder, pid)) ? pid : undefined;
}

/** Every process of an nginx whose working directory is this folder: masters, workers, and orphans of a killed master. */
export async function findProcesses(folder: string): Promise<number[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 1);
  const ours = await Promise.all(pids.map(async (pid) => ((await isNginxOf(folder, pid)) ? [pid] : [])));
  return ours.flat();
}

/** By its program, so that a shell or a pager in the same folder is left alone; the embedded one runs by its own loader. */
async function isNginxOf(folder: string, pid: number): Promise<boolean> {
  const program = await findLivingProgram(folder, pid);
  return program !== undefined && /^(nginx|openresty|ld-linux)/.test(program);
}

/** Is the process that we know by this id still there, and still the one of this folder? When in doubt it is. */
export async function isAlive(folder: string, pid: number): Promise<boolean> {
  return await findLivingProgram(folder, pid).then(
    (program) => program !== undefined,
    () => true,
  );
}

const GONE = new Set(["ENOENT", "ESRCH", "EACCES", "EPERM"]);

async function findLivingProgram(folder: string, pid: number): Promise<string | undefined> {
  try {
    // A folder that was removed under a running nginx must not hide it.
    const cwd = (await readlink(`/proc/${pid}/cwd`)).replace(/ \(deleted\)$/, "");
    if (cwd !== (await realpath(folder).catch(() => folder))) return undefined;
    const [, program, state] = /^\d+ \((.*)\) (.)/s.exec(await readFile(`/proc/${pid}/stat`, "latin1")) ?? [];
    return state === "Z" || state === "X" ? undefined : program;
  } catch (error) {
    // It ended while we looked, or is another user's: not ours either way. Too many open files say nothing of it.
    if (error instanceof Error && "code" in error && GONE.has(String(error.code))) return undefined;
    throw error;
  }
}

/** Ends every nginx of the folder: asked first, killed when `graceMs` are over. */
export async function endProcesses(folder: string, graceMs: number): Promise<void> {
  const master = await findMaster(folder);
  if (master !== undefined) signal(master, "SIGTERM");
  const killAt = master === undefined ? 0 : Date.now() + graceMs;
  const giveUpAt = Date.now() + graceMs + KILL_WAIT_MS;
  for (let left = await findProcesses(folder); left.length > 0; left = await findProcesses(folder)) {
    if (Date.now() > giveUpAt) throw new Error(`nginx does not end: ${left.join(", ")}`);
    if (Date.now() > killAt) for (const pid of left) signal(pid, "SIGKILL");
    await delay(20);
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** A killed nginx leaves its sockets, and the next one cannot bind them. */
async function removeSockets(run: string): Promise<void> {
  const names = (await readdir(run)).filter((name) => name.endsWith(".sock"));
  for (const name of names) await rm(join(run, name), { force: true });
}
