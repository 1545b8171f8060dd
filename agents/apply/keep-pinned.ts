// Keeps origin addresses fresh: names are resolved anew every 30 s, for nginx and for the disk.
import { setTimeout as delay } from "node:timers/promises";
import type { Edge } from "./edge.ts";

const REFRESH_EVERY_MS = 30_000;
const WRITE_EVERY_MS = 2_000;

/** Runs until the signal aborts. */
export async function keepPinned(edge: Edge, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await edge.origins.refresh(signal);
    // nginx may be away: what could not be sent stays due.
    if (edge.nginx.running()) {
      await edge.origins
        .pin(edge.control.pin)
        .catch((error: unknown) => edge.log.warn({ error }, "origin addresses could not be pinned yet"));
    }
    await delay(REFRESH_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

/** Runs until the signal aborts. */
export async function keepPinsOnDisk(edge: Edge, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await delay(WRITE_EVERY_MS, undefined, { signal }).catch(() => {});
    await edge.pinsFile
      .write()
      .then(edge.pinsFile.shorten)
      .catch((error: unknown) => edge.log.error({ error }, "origin addresses could not be written to disk"));
  }
}
