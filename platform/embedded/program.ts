// Runs a program to its end, within a deadline, and hands back what it printed.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/** What a program of the system needs to know; nothing of whoever started us. */
export const PLAIN_ENVIRONMENT = { PATH: SYSTEM_FOLDERS.join(":"), LC_ALL: "C.UTF-8" } as const;
const OUTPUT_BYTES_MAX = 1024 * 1024;

export interface ProgramResult {
  /** Null when a signal ended it: the deadline's SIGKILL, for one. */
  readonly code: number | null;
  /** Both outputs, in the order they came; the first megabyte. */
  readonly output: string;
}

/** Where the system keeps a program; the search path of whoever started us does not matter. */
export function findProgram(name: string): string | undefined {
  return SYSTEM_FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** `argv` in front of a command that lets the kernel end it when this process dies, however it dies. */
export function dieWithParent(signal: NodeJS.Signals): string[] {
  const setpriv = findProgram("setpriv");
  return setpriv === undefined ? [] : [setpriv, "--pdeathsig", signal.replace(/^SIG/, ""), "--"];
}

/** Rejects only when the program cannot be started at all. */
export function runProgram(
  command: readonly string[],
  options: { timeoutMs: number; env?: NodeJS.ProcessEnv; folder?: string; wrapper?: readonly string[] },
): Promise<ProgramResult> {
  const [program = "", ...args] = [...(options.wrapper ?? []), ...dieWithParent("SIGKILL"), ...command];
  const child = spawn(program, args, {
    cwd: options.folder,
    env: options.env ?? PLAIN_ENVIRONMENT,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: options.timeoutMs,
    killSignal: "SIGKILL",
  });
  let output = "";
  const take = (chunk: Buffer) => {
    if (output.length < OUTPUT_BYTES_MAX) output += chunk.toString("utf8");
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}
