// The way to what is wanted of this edge: draining is told to nginx; maintenance drains first, then lets nginx finish and
// end; it stays away, while the feed is followed on to the disk.
import { setTimeout as delay } from "node:timers/promises";
import type { Edge } from "./edge.ts";
import { serveFromDisk } from "./serve-from-disk.ts";

/** A download may go on for so long after the grace; then it has what nginx gives it on its way out. */
const QUIET_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 250;

/** False while it is away because somebody wants it to be. */
export function nginxIsWanted({ node, nginx }: Pick<Edge, "node" | "nginx">): boolean {
  return node.wanted() !== "maintenance" || !nginx.isResting();
}

/** One step towards what is wanted. Not beside the applying of changes. */
export async function settleNode(edge: Edge): Promise<void> {
  const { node, nginx, log } = edge;
  const wanted = node.wanted();
  if (nginx.isResting()) {
    if (wanted === "maintenance" || nginx.isEnding()) return;
    log.info("maintenance is over: nginx starts");
    await serveFromDisk(edge);
  }
  const state = wanted === "active" ? "active" : "draining";
  if (node.told() !== state) {
    await node.tell(state);
    edge.report();
    log.info({ state: wanted }, "what this edge is to do for viewers has changed");
  }
  if (wanted !== "maintenance" || !(await mayRest(edge))) return;
  await nginx.retire();
  edge.progress.structure = 0;
  edge.report();
  log.info("maintenance: nginx finishes what it is at, and stays away");
}

/** Nothing is asked of it any more, or it was waited for long enough. */
async function mayRest({ node, control, drainSeconds }: Edge): Promise<boolean> {
  const quietForMs = (node.drainsForMs() ?? 0) - drainSeconds * 1000;
  if (quietForMs < 0) return false;
  if (quietForMs > QUIET_WITHIN_MS) return true;
  const requests = await control.state().then(
    (state) => state.requests ?? 0,
    () => 0,
  );
  return requests === 0;
}

async function isDue(edge: Edge): Promise<boolean> {
  const { node, nginx } = edge;
  if (node.wanted() === "maintenance") return !nginx.isResting() && nginx.running() && (await mayRest(edge));
  return nginx.isResting() && !nginx.isEnding();
}

/** Wakes whoever follows the feed when the next step is due. Runs until the signal aborts. */
export async function watchNode(edge: Edge, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
    if (!signal.aborted && (await isDue(edge))) edge.wake();
  }
}
