// The highest reading of nginx's clock on the disk: over a restart it must not run backwards, or what was purged long ago
// could be found again (openresty/lua/clock.lua).
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { findFile, writeDurably } from "../durable-file.ts";
import type { Edge } from "./edge.ts";

const WRITE_EVERY_MS = 10_000;

/** Runs until the signal aborts, and writes once more at its end. */
export async function keepClock(
  edge: Pick<Edge, "home" | "nginx" | "control" | "log">,
  signal: AbortSignal,
): Promise<void> {
  const path = join(edge.home, "state", "clock");
  let written = Number((await findFile(path)) ?? 0);

  async function write(): Promise<void> {
    if (!edge.nginx.running()) return;
    const { clock } = await edge.control.state();
    if (clock === undefined || clock === null || clock <= written) return;
    await writeDurably(path, `${clock}\n`, 0o644);
    written = clock;
  }

  for (let isLast = false; !isLast; isLast = signal.aborted) {
    await delay(WRITE_EVERY_MS, undefined, { signal }).catch(() => {});
    await write().catch((error: unknown) => edge.log.warn({ error }, "the clock could not be written to disk"));
  }
}
