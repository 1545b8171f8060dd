// Keeps origin addresses fresh, for nginx and for the disk: names are resolved anew every 30 s, spread over that time. What
// nginx could not be told when it came, secrets too, it is told here.
import { setTimeout as delay } from "node:timers/promises";
import type { Edge } from "./edge.ts";

const ROUND_MS = 30_000;
/** On average; edges that began together do not ask together. */
const STEP_MS = 1_000;
const WRITE_EVERY_MS = 2_000;

/** Runs until the signal aborts. */
export async function keepPinned(edge: Edge, signal: AbortSignal): Promise<void> {
  let last = performance.now();
  while (!signal.aborted) {
    const now = performance.now();
    await edge.origins.refresh((now - last) / ROUND_MS, signal);
    last = now;
    // nginx may be away: what could not be sent stays due.
    if (edge.nginx.running()) {
      await edge.origins
        .pin(edge.control.pin)
        .catch((error: unknown) => edge.log.warn({ error }, "origin addresses could not be pinned yet"));
      await bringSecrets(edge).catch((error: unknown) => edge.log.warn({ error }, "nginx lacks secrets for now"));
    }
    await delay(STEP_MS * (0.5 + Math.random()), undefined, { signal }).catch(() => {});
  }
}

async function bringSecrets({ control, secrets, refusals }: Edge): Promise<void> {
  refusals.add(await secrets.bring(control.keepSecrets));
  await secrets.takeAway(control.keepSecrets);
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
