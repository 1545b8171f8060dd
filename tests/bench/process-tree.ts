// Processes with their descendants, and the processor time that they took.
import { readdir, readFile } from "node:fs/promises";

const CLOCK_TICKS_PER_SECOND = 100;

export interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

export async function treeOf(roots: readonly number[]): Promise<readonly RunningProcess[]> {
  const all = new Map<number, RunningProcess>();
  for (const entry of await readdir("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const stat = await textOf(pid, "stat");
    // The name may hold blanks and brackets; the fields after it do not.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (stat !== "") all.set(pid, { pid, parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) });
  }
  const isBelow = (pid: number): boolean => {
    const parent = all.get(pid)?.parent;
    return roots.includes(pid) || (parent !== undefined && isBelow(parent));
  };
  return [...all.values()].filter(({ pid }) => isBelow(pid));
}

/** What they cost, wherever it is spent: of users and of the kernel for them. */
export async function cpuSecondsOf(roots: readonly number[]): Promise<number> {
  const ticks = (await treeOf(roots)).reduce((sum, process) => sum + process.ticks, 0);
  return ticks / CLOCK_TICKS_PER_SECOND;
}

/** Empty when the process has just ended. */
export async function textOf(pid: number, file: "stat" | "status" | "cmdline"): Promise<string> {
  return readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
}
