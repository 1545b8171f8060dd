// Keeps one child process running: whenever it ends by itself it is started again, with a growing pause, until stopped.
import { setTimeout as wait } from "node:timers/promises";
import type { Part } from "../lifecycle.ts";
import type { Logger } from "../log.ts";
import type { Child } from "./child.ts";

const PAUSE_MIN_MS = 200;
const PAUSE_MAX_MS = 10_000;
/** Whoever ran this long has earned the shortest pause again. */
const HEALTHY_MS = 60_000;

export interface SupervisedChild extends Part {
  /** Undefined while it is down. */
  pid(): number | undefined;
}

export async function superviseChild(settings: {
  name: string;
  start: () => Promise<Child>;
  log: Logger;
}): Promise<SupervisedChild> {
  const { name, start, log } = settings;
  const stopping = new AbortController();
  let child: Child | undefined = await start();
  const watching = watch(child);

  async function watch(first: Child): Promise<void> {
    let pauseMs = PAUSE_MIN_MS;
    let running: Child | undefined = first;
    while (running !== undefined) {
      const startedAt = performance.now();
      const exit = await running.exited;
      child = undefined;
      if (stopping.signal.aborted) return;
      if (performance.now() - startedAt > HEALTHY_MS) pauseMs = PAUSE_MIN_MS;
      log.warn({ child: name, code: exit.code, signal: exit.signal }, "child ended by itself; it is started again");
      running = await startAgain();
      child = running;
      // `stop` came while it was on its way up.
      if (stopping.signal.aborted) await running?.stop();
    }

    async function startAgain(): Promise<Child | undefined> {
      while (!stopping.signal.aborted) {
        await wait(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
        if (stopping.signal.aborted) return undefined;
        pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS);
        try {
          return await start();
        } catch (error) {
          log.error({ child: name, error }, "child could not be started again");
        }
      }
      return undefined;
    }
  }

  return {
    name,
    pid: () => child?.pid,
    async stop() {
      stopping.abort();
      await child?.stop();
      await watching;
    },
  };
}
