// What the product costs while it runs: processor time of its whole process tree, memory of its parts, and when it is at
// rest.
import { setTimeout as wait } from "node:timers/promises";
import type { Product } from "../system/product.ts";
import { cpuSecondsOf, textOf, treeOf } from "./process-tree.ts";

const QUIET_FOR_S = 3;
const QUIET_SHARE = 0.15;
const QUIET_TIMEOUT_MS = 10 * 60_000;
const MB_KB = 1024;

/** Of the whole tree: what a change costs, wherever it is spent. */
export function cpuSeconds(product: Product): Promise<number> {
  return cpuSecondsOf([product.process.pid ?? 0]);
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
  const tree = await treeOf([product.process.pid ?? 0]);
  const commands = await Promise.all(tree.map(async ({ pid }) => ({ pid, command: await textOf(pid, "cmdline") })));
  const agent = commands.find(({ command }) => command.split("\0").includes("agent:start"));
  if (agent === undefined) throw new Error("the product runs no agent");
  return { control_plane_rss_mb: await rssMb(product.process.pid ?? 0), agent_rss_mb: await rssMb(agent.pid) };
}

async function rssMb(pid: number): Promise<number> {
  const kb = /^VmRSS:\s+(\d+) kB/m.exec(await textOf(pid, "status"))?.[1];
  return Math.round(Number(kb) / MB_KB);
}
