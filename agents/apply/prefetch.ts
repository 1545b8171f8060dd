// Fetches what customers want to be there before viewers ask for it: this edge's own listener is asked, and what it answers
// is read to the end, so that it is kept. Beside everything else, a few at a time; nobody waits for it.
import { setTimeout as delay } from "node:timers/promises";
import type { Edge } from "./edge.ts";
import { doorsOf } from "./health.ts";
import type { PrefetchQueue, Wanted } from "./prefetch-queue.ts";
import { readAsViewer } from "./viewer-request.ts";

const AT_ONCE = 4;
const ONE_TIMEOUT_MS = 5 * 60_000;
const ONE_BYTES_MAX = 5 * 1024 ** 3;
/** nginx may be away for a moment. */
const LOOK_AGAIN_MS = 500;
const USER_AGENT = "edgewright-prefetch";

/** Runs until the signal aborts. */
export async function keepPrefetching(edge: Edge, queue: PrefetchQueue, signal: AbortSignal): Promise<void> {
  const work = async () => {
    for (let wanted = await queue.next(signal); wanted !== undefined; wanted = await queue.next(signal)) {
      await untilRunning(edge, signal);
      if (!signal.aborted) await prefetch(edge, wanted, signal);
      queue.done(wanted);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function untilRunning({ nginx }: Edge, signal: AbortSignal): Promise<void> {
  while (!nginx.running() && !signal.aborted) await delay(LOOK_AGAIN_MS, undefined, { signal }).catch(() => {});
}

async function prefetch(edge: Edge, wanted: Wanted, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  const { id, scheme, host, target } = wanted;
  // A query may hold what is nobody's business.
  const told = { prefetch: id, url: `${scheme}://${host}${target.replace(/\?.*/s, "")}` };
  try {
    const answer = await ask(edge, wanted, signal);
    const ms = Math.round(performance.now() - startedAt);
    edge.log.info({ ...told, ...answer, ms }, "prefetched");
  } catch (error) {
    if (!signal.aborted) edge.log.warn({ ...told, error }, "a prefetch failed");
  }
}

async function ask(
  edge: Edge,
  { distribution, scheme, host, target }: Wanted,
  signal: AbortSignal,
): Promise<{ status: number; bytes: number }> {
  const running = await edge.structures.current();
  const doors = running === undefined ? [] : doorsOf(running.structure.probe);
  const door = doors.find((one) => one.scheme === scheme);
  if (door === undefined) throw new Error(`this edge has no listener for ${scheme}://`);
  // By it the edge answers for this distribution alone: a name may lead to another one by now.
  const headers = { "user-agent": USER_AGENT, "x-edge-prefetch": `${edge.progress.probeSecret} ${distribution}` };
  const asked = { door, host, path: target, headers, timeoutMs: ONE_TIMEOUT_MS, signal };
  return readAsViewer(asked, ONE_BYTES_MAX);
}
