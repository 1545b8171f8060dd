// What the product costs while it runs: processor time of its whole process tree, memory of its parts, and when it is at
// rest.
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import type { Product } from "../system/product.ts";

const CLOCK_TICKS_PER_SECOND = 100;
const QUIET_FOR_S = 3;
const QUIET_SHARE = 0.15;
const QUIET_TIMEOUT_MS = 10 * 60_000;
const MB_KB = 1024;

/** Of the whole tree: what a change costs, wherever it is spent. */
export async function cpuSeconds(product: Product): Promise<number> {
  const ticks = (await treeOf(product)).reduce((sum, process) => sum + process.ticks, 0);
  return ticks / CLOCK_TICKS_PER_SECOND;
}

/** What is still settling in the background is not the next measurement's. */
export async function untilQuiet(product: Product): Promise<{ quiet_after_s: number }> {
  const startedAt = performance.now();
  for (;;) {
    const before = await cpuSeconds(product);
    await wait(QUIET_FOR_S * 1000);
    const share = ((await cpuSeconds(product)) - before) / QUIET_FOR_S;
    const waitedMs = performance.now() - startedAt;
    if (share < QUIET_SHARE) return { quiet_after_s: Math.round(waitedMs / 1000) };
    if (waitedMs > QUIET_TIMEOUT_MS)
      throw new Error(`the product is not quiet: ${Math.round(share * 100)} % of a core`);
  }
}

/** API, worker and scheduler are one process under `up`; the agent is another. */
export async function residentMemory(
  product: Product,
): Promise<{ control_plane_rss_mb: number; agent_rss_mb: number }> {
  const tree = await treeOf(product);
  const commands = await Promise.all(tree.map(async ({ pid }) => ({ pid, command: await textOf(pid, "cmdline") })));
  const agent = commands.find(({ command }) => command.split("\0").includes("agent:start"));
  if (agent === undefined) throw new Error("the product runs no agent");
  return { control_plane_rss_mb: await rssMb(product.process.pid ?? 0), agent_rss_mb: await rssMb(agent.pid) };
}

async function rssMb(pid: number): Promise<number> {
  const kb = /^VmRSS:\s+(\d+) kB/m.exec(await textOf(pid, "status"))?.[1];
  return Math.round(Number(kb) / MB_KB);
}

interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

async function treeOf(product: Product): Promise<readonly RunningProcess[]> {
  const all = new Map<number, RunningProcess>();
  for (const entry of await readdir("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const stat = await textOf(pid, "stat");
    // The name may hold blanks and brackets; the fields after it do not.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (stat !== "") all.set(pid, { pid, parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) });
  }
  const root = product.process.pid ?? 0;
  const isOurs = (pid: number): boolean => {
    const parent = all.get(pid)?.parent;
    return pid === root || (parent !== undefined && isOurs(parent));
  };
  return [...all.values()].filter(({ pid }) => isOurs(pid));
}

/** Empty when the process has just ended. */
async function textOf(pid: number, file: "stat" | "status" | "cmdline"): Promise<string> {
  return readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
}
