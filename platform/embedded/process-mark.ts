// Which process is meant: a pid alone is given to another process some day, pid and start time never are.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { errorCode } from "./start-error.ts";

export const processMarkSchema = z.object({ pid: z.int().min(1), started: z.string() });
export type ProcessMark = z.infer<typeof processMarkSchema>;

/** Undefined when there is no such process, or only its zombie. */
export function markOf(pid: number): ProcessMark | undefined {
  const started = startTimeOf(pid);
  return started === undefined ? undefined : { pid, started };
}

export function isRunning(mark: ProcessMark): boolean {
  return startTimeOf(mark.pid) === mark.started;
}

/** Says whether there was anybody to receive it. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (errorCode(error) === "ESRCH") return false;
    throw error;
  }
}

function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the program's name in parentheses and may hold anything; what follows is regular.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, started] = [fields[0], fields[19]];
    if (state === "Z" || state === "X" || started === undefined) return undefined;
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()}:${started}`;
  } catch {
    return undefined;
  }
}
