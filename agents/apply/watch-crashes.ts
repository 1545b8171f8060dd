// Looks for workers that died, and wakes whoever looks for the culprit.
import { setTimeout as delay } from "node:timers/promises";
import type { Edge } from "./edge.ts";

const LOOK_EVERY_MS = 200;

/** Runs until the signal aborts. */
export async function watchCrashes(edge: Edge, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const seen = await edge.workerDeaths.read();
    for (const death of seen) edge.log.error(death, "a worker of nginx died");
    const before = edge.crashes.isRaised();
    edge.crashes.saw(seen);
    if (!before && edge.crashes.isRaised()) edge.wake();
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}
