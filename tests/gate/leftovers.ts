// What a test run has left behind. The run gets a temp folder of its own, and everything that it starts or stores lies
// there or knows it: what still does afterwards is a leak.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface Leftovers {
  readonly processes: readonly string[];
  readonly entries: readonly string[];
}

export function leftoversOf(folder: string): Leftovers {
  return { processes: processesOf(folder), entries: readdirSync(folder).sort() };
}

/** Processes that were started with the folder, run in it, were told of it, or hold a file or socket in it open. */
function processesOf(folder: string): readonly string[] {
  const own = String(process.pid);
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && pid !== own)
    .filter((pid) => tracesOf(pid).some((trace) => trace.includes(folder)))
    .map((pid) => `${pid} ${read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim()}`);
}

function tracesOf(pid: string): readonly string[] {
  const open = list(`/proc/${pid}/fd`).map((descriptor) => link(`/proc/${pid}/fd/${descriptor}`));
  return [read(`/proc/${pid}/cmdline`), read(`/proc/${pid}/environ`), link(`/proc/${pid}/cwd`), ...open];
}

// A process may end while it is looked at, or belong to somebody else: then it is not one of ours.
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
